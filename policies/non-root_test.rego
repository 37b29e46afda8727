package hallmark.non_root_test

import data.hallmark.messages_test
import data.hallmark.non_root

denied(config, numeric) := {messages_test.message(d) |
	some d in non_root.deny with input.image.config as config with data.params as {"numeric": numeric}
}

user(name) := {"config": {"User": name}}

test_passes if {
	every name in ["1000", "65532:65532", "1000:0"] {
		denied(user(name), true) == set()
	}
	denied(user("nobody:root"), false) == set()
}

test_denies_root if {
	denied(user("root"), false) == {"the image runs as root"}
	denied(user("0:1000"), true) == {"the image runs as 0"}
	denied(user("00"), false) == {"the image runs as 00"}
}

test_denies_an_image_without_a_user if {
	every config in [{}, {"config": {}}, user(""), user(" "), user(":0")] {
		denied(config, true) == {"the image names no user, and so it runs as root"}
	}
}

test_denies_a_name_where_a_number_is_asked_for if {
	denied(user("app"), true) == {"the image runs as app, which may stand for any number"}
}
