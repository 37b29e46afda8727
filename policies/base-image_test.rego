package hallmark.base_image_test

import data.hallmark.base_image
import data.hallmark.messages_test

digest := concat("", ["a" | some _ in numbers.range(1, 64)])

labels(name, digest) := {"image": {"config": {"config": {"Labels": {
	"org.opencontainers.image.base.name": name,
	"org.opencontainers.image.base.digest": digest,
}}}}}

built(uri) := {"provenance": {"buildDefinition": {"resolvedDependencies": [
	{"uri": "git+https://github.com/example/app@refs/heads/main"},
	{"uri": uri, "digest": {"sha256": digest}},
]}}}

denied(given) := {messages_test.message(d) |
	some d in base_image.deny with input as given
		with data.params as {"allowed": ["docker.io/library/debian", "registry.example.com/base/*"]}
}

test_passes if {
	denied(labels("debian:12", sprintf("sha256:%s", [digest]))) == set()
	denied(labels("registry.example.com/base/go@sha256:0", sprintf("sha256:%s", [digest]))) == set()
	denied(object.union(labels("debian", sprintf("sha256:%s", [digest])), built("pkg:docker/debian@12?platform=linux%2Famd64"))) == set()
}

test_reads_the_names_that_builders_write if {
	every uri in [
		"pkg:docker/debian@12", "pkg:docker/library/debian@12?platform=linux%2Famd64", "docker-image://docker.io/library/debian:12@sha256:0",
		"pkg:oci/debian@sha256%3A0?repository_url=docker.io%2Flibrary%2Fdebian", "oci://registry.example.com/base/go:1",
		"pkg:docker/registry.example.com/base/go@1",
	] {
		denied(built(uri)) == set()
	}
}

test_denies_another_image if {
	denied(labels("eve/debian", sprintf("sha256:%s", [digest]))) == {"built from docker.io/eve/debian, which is not allowed"}
	denied(built("pkg:docker/localhost/debian@12")) == {"built from localhost/debian, which is not allowed"}
	denied(object.union(labels("debian", sprintf("sha256:%s", [digest])), built("pkg:docker/golang@1.26"))) == {"built from docker.io/library/golang, which is not allowed"}
}

test_denies_what_is_not_pinned if {
	denied(labels("debian:12", "")) == {"built from docker.io/library/debian, which is not pinned by a digest"}
	denied({"provenance": {"materials": [{"uri": "pkg:docker/debian@12"}]}}) == {"built from docker.io/library/debian, which is not pinned by a digest"}
}

test_denies_what_nobody_knows if {
	every given in [
		{}, {"provenance": {}}, {"image": {"config": {}}},
		{"image": {"config": {"config": {"Labels": null}}}},
		{"provenance": {"buildDefinition": {"resolvedDependencies": []}}},
	] {
		denied(given) == {"nothing says which image this one was built from: neither provenance nor a label"}
	}
}
