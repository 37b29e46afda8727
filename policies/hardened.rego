# METADATA
# title: Hard to break out of
# description: >-
#   Signed facts of the image (evidence: image) say that it does not run as root and has no program that runs as its owner, whoever starts
#   it; on request also no shell, a healthcheck and no port that takes privileges. Each is a step less for who broke in.
# custom:
#   severity: medium
#   fix: build on a smaller base image, set USER, and take the setuid bits away
#   controls:
#     - {framework: NIST SSDF, control: PW.9.1}
#     - {framework: EU CRA, control: I (2)(b)}
#     - {framework: ISO/IEC 27001, control: A.8.9}
#   params:
#     denied: {default: [root, setuid], description: "what is denied: root, setuid, shell, port (below 1024), no-healthcheck"}
#     setuid: {default: [], type: strings, description: "programs that may run as their owner, by their paths, with patterns: /usr/bin/su"}
package hallmark.hardened

import data.hallmark.lib.texts

deny contains "the evidence lists no image" if {
	some a in attested
	count(object.get(a.predicate, "images", [])) == 0
}

deny contains {"msg": sprintf("the image %sruns as root", [of(image)]), "id": "root"} if {
	asks("root")
	some image in images
	object.get(image, "root", true) != false
}

deny contains {"msg": sprintf("%s runs as its owner, whoever starts it", [path]), "id": "setuid", "resource": path} if {
	asks("setuid")
	some image in images
	some path in image.setuid
	not texts.matches(data.params.setuid, path)
}

deny contains {"msg": sprintf("there is the shell %s", [path]), "id": "shell", "resource": path} if {
	asks("shell")
	some image in images
	some path in image.shells
}

deny contains {"msg": sprintf("the port %s takes privileges", [port]), "id": "port", "resource": port} if {
	asks("port")
	some image in images
	some port in image.ports
	regex.match(`^([0-9]{1,3}|10[01][0-9]|102[0-3])(/|$)`, port)
}

deny contains {"msg": sprintf("the image %shas no healthcheck", [of(image)]), "id": "no-healthcheck"} if {
	asks("no-healthcheck")
	some image in images
	object.get(image, "healthcheck", false) != true
}

deny contains {"msg": sprintf("denied names %v, which is none of its words", [word]), "fix": "correct the parameter"} if {
	some word in data.params.denied
	not word in {"root", "setuid", "shell", "port", "no-healthcheck"}
}

# Nobody has read the layers where the SBOM is somebody else's.
undecided contains {"msg": sprintf("the evidence does not say which %s the image %shas", [things, of(image)]), "fix": "attest the facts of the image by a run that reads its layers"} if {
	some field, [word, things] in {"setuid": ["setuid", "setuid programs"], "shells": ["shell", "shells"], "ports": ["port", "ports"]}
	asks(word)
	some image in images
	not is_array(object.get(image, field, null))
}

asks(word) if word in data.params.denied

attested := input.attestations.image

images := [image |
	some a in attested
	some image in a.predicate.images
]

# of names one of several images.
of(image) := sprintf("for %s ", [image.platform]) if {
	texts.says(image.platform)
} else := ""
