# METADATA
# title: Built where and from what it should be
# description: >-
#   Signed SLSA provenance says that a builder that you trust built the image, from a repository and a branch that you name. An image that
#   somebody built on a laptop has none. Provenance that Hallmark made also says whose change was built, and whether the workspace was at
#   the commit that it names: a fork and another commit are denied, and what is not known is undecided.
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
#     unknown_workspace: {default: false, description: "true accepts provenance of a job that had no repository checked out, so that nobody knows from which commit the image is"}
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

deny contains "built from a fork, and the provenance does not say which" if {
	builds.fork
	not builds.head
}

undecided contains {"msg": sprintf("the provenance does not say whose change was built: %v", [why]), "fix": unknown_fix} if {
	builds.ours
	not builds.head
	not builds.fork
	why := object.get(builds.definition, ["externalParameters", "head", "unknown"], "it has no field head")
}

deny contains {"msg": sprintf("the workspace was at the commit %v, which is none that the provenance names", [commit]), "id": "workspace"} if {
	builds.workspace.atCommit == "no"
	commit := object.get(builds.workspace, "head", "")
}

undecided contains {"msg": "the provenance does not say whether the workspace was at the commit that it names", "id": "workspace", "fix": unknown_fix} if {
	builds.ours
	not known
	not permitted
}

known if builds.workspace.atCommit in {"yes", "no"}

permitted if {
	data.params.unknown_workspace == true
	builds.workspace.git == false
}

unknown_fix := "check out the repository in the job that makes the provenance, for an event that says whose commit it is about"

deny contains {"msg": sprintf("built from %s, which is no branch that is allowed", [json.marshal(ref)]), "resource": builds.source.repository} if {
	count(data.params.branches) > 0
	some ref in builds.refs
	not branch(ref)
}

deny contains {"msg": sprintf("built for the request %v, which is no branch", [builds.request]), "resource": builds.source.repository} if {
	count(data.params.branches) > 0
	builds.request
}

deny contains "the provenance does not say which branch the change comes from" if {
	count(data.params.branches) > 0
	builds.head
	not builds.head.ref
}

branch(ref) if texts.matches(data.params.branches, builds.branch(ref))
