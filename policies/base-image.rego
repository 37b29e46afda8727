# METADATA
# title: Built from base images that are allowed and pinned
# description: >-
#   Every image that this one was built from has an allowed name and is pinned by its digest: those that signed provenance names among what
#   went into the build, and the one that the labels org.opencontainers.image.base.name and .digest name. Labels are what the build says of
#   itself; only provenance is signed by the builder.
# custom:
#   severity: high
#   fix: build from an allowed image, and name it by tag and digest in FROM
#   optional: [config, provenance]
#   controls:
#     - {framework: CIS Software Supply Chain, control: 3.1.5}
#     - {framework: CIS Software Supply Chain, control: 3.1.7}
#     - {framework: NIST SSDF, control: PW.4.1}
#     - {framework: OWASP SCVS, control: "6.1"}
#     - {framework: ISO/IEC 27001, control: A.5.21}
#   params:
#     allowed: {type: strings, description: "names of images, with patterns: docker.io/library/debian, registry.example.com/base/*"}
package hallmark.base_image

import data.hallmark.lib.builds
import data.hallmark.lib.images
import data.hallmark.lib.texts

deny contains "nothing says which image this one was built from: neither provenance nor a label" if count(bases) == 0

deny contains {"msg": sprintf("built from %s, which is not allowed", [base.name]), "resource": base.name} if {
	some base in bases
	not texts.matches(data.params.allowed, base.name)
}

deny contains {"msg": sprintf("built from %s, which is not pinned by a digest", [base.name]), "resource": base.name} if {
	some base in bases
	not images.pinned(base.digest)
}

bases contains {"name": images.name(labels[name]), "digest": object.get(labels, "org.opencontainers.image.base.digest", "")} if {
	name := "org.opencontainers.image.base.name"
	texts.says(labels[name])
}

bases contains {"name": images.of_uri(m.uri), "digest": sprintf("sha256:%s", [object.get(m, ["digest", "sha256"], "")])} if {
	some m in builds.materials
}

labels := input.image.config.config.Labels
