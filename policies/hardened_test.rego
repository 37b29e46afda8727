package hallmark.hardened_test

import data.hallmark.hardened
import data.hallmark.messages_test

hard := {"platform": "linux/amd64", "root": false, "setuid": [], "shells": [], "ports": ["8080/tcp"], "healthcheck": true}

everything := {"denied": ["root", "setuid", "shell", "port", "no-healthcheck"]}

denied(images, params) := {messages_test.message(d) |
	some d in hardened.deny with input.attestations as {"image": [{"predicate": {"images": images}}]}
		with data.params as object.union({"denied": ["root", "setuid"], "setuid": []}, params)
}

unknown(images, params) := {messages_test.message(d) |
	some d in hardened.undecided with input.attestations as {"image": [{"predicate": {"images": images}}]}
		with data.params as object.union({"denied": ["root", "setuid"], "setuid": []}, params)
}

soft := {"root": true, "setuid": ["/usr/bin/su", "/bin/mount"], "shells": ["/bin/sh"], "ports": ["80/tcp", "1023", "1024/tcp"], "healthcheck": false}

test_passes if {
	denied([hard], everything) == set()
	unknown([hard], everything) == set()
}

test_denies if {
	denied([soft], {"setuid": ["/usr/*"]}) == {"the image runs as root", "/bin/mount runs as its owner, whoever starts it"}
	denied([soft, hard], everything) == {
		"the image runs as root", "/usr/bin/su runs as its owner, whoever starts it", "/bin/mount runs as its owner, whoever starts it",
		"there is the shell /bin/sh", "the port 80/tcp takes privileges", "the port 1023 takes privileges", "the image has no healthcheck",
	}
	denied([object.union(hard, {"root": true})], {}) == {"the image for linux/amd64 runs as root"}
}

test_denies_an_empty_one if {
	denied([], {}) == {"the evidence lists no image"}
	denied([{}], everything) == {"the image runs as root", "the image has no healthcheck"}
}

test_undecided_where_nobody_read_the_layers if {
	unread := object.remove(hard, ["setuid", "shells"])
	denied([unread], everything) == set()
	unknown([unread], everything) == {
		"the evidence does not say which setuid programs the image for linux/amd64 has", "the evidence does not say which shells the image for linux/amd64 has",
	}
	unknown([unread], {"denied": ["root"]}) == set()
}

test_denies_a_word_that_is_none if denied([hard], {"denied": ["roots"]}) == {"denied names roots, which is none of its words"}
