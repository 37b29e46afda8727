# METADATA
# title: Only licences that are allowed
# description: >-
#   Every component of the SBOM has a licence, and it is one that you allow. Of an expression with OR, one side is enough; where it has
#   parentheses, every licence in it has to be allowed. Several licences of one component all have to be.
# custom:
#   severity: medium
#   fix: replace the component, allow its licence, or name it in except after somebody has looked
#   controls:
#     - {framework: OWASP SCVS, control: "2.14"}
#     - {framework: OWASP SCVS, control: "2.15"}
#     - {framework: OWASP SCVS, control: "5.12"}
#     - {framework: CIS Software Supply Chain, control: 1.5.6}
#     - {framework: CIS Software Supply Chain, control: 3.2.3}
#     - {framework: ISO/IEC 27001, control: A.5.32}
#   params:
#     denied: {type: strings, empty: true, description: "SPDX ids or patterns that deny, such as AGPL-*; [] if allowed alone decides"}
#     allowed: {default: [], type: strings, description: "SPDX ids or patterns that are allowed; [] is all that are not denied"}
#     unknown: {default: deny, description: "what a component without a licence comes to: deny or warn"}
#     except: {default: [], type: strings, description: "package URLs or patterns, such as pkg:npm/%40ours/*, that are not asked about"}
package hallmark.licences

import data.hallmark.lib.sboms
import data.hallmark.lib.texts

deny contains "the SBOM is neither CycloneDX nor SPDX 2" if {
	input.sbom
	not sboms.format
}

deny contains "the SBOM names no component" if count(sboms.parts) == 0

deny contains {"msg": sprintf("the licence %s is not allowed", [licence]), "id": licence, "resource": sboms.label(c)} if {
	some c in asked
	some licence in sboms.licences(c)
	not acceptable(licence)
}

deny contains {"msg": unlicensed, "id": "unknown"} if data.params.unknown != "warn"

warn contains {"msg": unlicensed, "id": "unknown"} if data.params.unknown == "warn"

deny contains "no component has a licence: the SBOM was made by a tool that does not look for them" if {
	count(sboms.parts) > 0
	count([c | some c in sboms.parts; count(sboms.licences(c)) > 0]) == 0
}

undecided contains {"msg": "neither denied nor allowed names a license", "fix": "set one of the parameters"} if {
	count(data.params.denied) + count(data.params.allowed) == 0
}

asked := [c | some c in sboms.parts; not exempt(c)]

exempt(c) if {
	some id in sboms.identifiers(c)
	texts.matches(data.params.except, id)
}

unlicensed := sprintf("%d of %d components have no licence: %s", [count(bare), count(asked), texts.list(bare)]) if {
	bare := [sboms.label(c) | some c in asked; count(sboms.licences(c)) == 0]
	count(bare) > 0
}

# acceptable holds for an expression of which one side of an OR, with all that AND
# joins, is allowed.
acceptable(expression) if {
	not regex.match(`[()]`, expression)
	some side in regex.split(`(?i)\s+OR\s+`, trim_space(expression))
	every licence in regex.split(`(?i)\s+AND\s+`, side) { permitted(licence) }
}

acceptable(expression) if {
	regex.match(`[()]`, expression)
	every licence in regex.split(`(?i)[()\s]+(?:(?:OR|AND)[()\s]+)?`, trim(expression, "() ")) { permitted(licence) }
}

permitted(licence) if {
	not texts.matches(data.params.denied, licence)
	not texts.matches(data.params.denied, plain(licence))
	listed(licence)
}

listed(_) if count(data.params.allowed) == 0

listed(licence) if texts.matches(data.params.allowed, licence)

listed(licence) if texts.matches(data.params.allowed, plain(licence))

# plain is a licence without its exception.
plain(licence) := regex.replace(licence, `(?i)\s+WITH\s+.*$`, "")
