# METADATA
# title: Built where and from what it should be
# description: >-
#   Signed SLSA provenance says that a builder that you trust built the image, from a repository and a branch that you name. An image that
#   somebody built on a laptop, or from a fork, has none.
# custom:
#   severity: high
#   fix: build in the pipeline that is meant for it, and attach its provenance
#   controls:
#     - {framework: SLSA, control: choose-an-appropriate-build-platform}
#     - {framework: SLSA, control: follow-a-consistent-build-process}
#     - {framework: SLSA, control: distribute-provenance}
#     - {framework: SLSA, control: provenance-exists}
#     - {framework: SLSA, control: provenance-authentic}
#     - {framework: CIS Software Supply Chain, control: 3.1.3}
#     - {framework: CIS Software Supply Chain, control: 4.4.1}
#     - {framework: NIST SSDF, control: PS.3.2}
#     - {framework: OWASP SCVS, control: "3.3"}
#     - {framework: OWASP SCVS, control: "3.7"}
#     - {framework: ISO/IEC 27001, control: A.5.21}
#   params:
#     builders: {type: strings, description: "ids of builders, with patterns: https://github.com/actions/runner/*"}
#     repositories: {type: strings, description: "addresses of repositories, with patterns: https://github.com/example/*"}
#     branches: {default: [], type: strings, description: "names of branches, with patterns; [] is any branch and any tag"}
package hallmark.trusted_builder

import data.hallmark.lib.builds
import data.hallmark.lib.texts

deny contains "the provenance names no builder" if {
	input.provenance
	not builds.builder
}

deny contains {"msg": sprintf("built by %s, which is not trusted", [builds.builder]), "resource": builds.builder} if {
	not texts.matches(data.params.builders, builds.builder)
}

deny contains "the provenance does not say what was built" if {
	input.provenance
	not builds.source
}

deny contains {"msg": sprintf("built from %s, which is not allowed", [repository]), "resource": repository} if {
	some repository in builds.repositories
	not texts.matches(data.params.repositories, repository)
}

deny contains {"msg": sprintf("built from %s, which is no branch that is allowed", [ref]), "resource": builds.source.repository} if {
	count(data.params.branches) > 0
	not branch
	ref := json.marshal(builds.source.ref)
}

branch if texts.matches(data.params.branches, builds.branch)
