# METADATA
# title: Signed by who is meant to
# description: >-
#   Every attestation of the types was signed by a designated signer. The gate believes all of its accepted signers; this says which of them
#   speaks for what, such as that only the release manager's key may approve.
# custom:
#   severity: high
#   fix: have the designated signer attest it, and remove what others attested
#   controls:
#     - {framework: CIS Software Supply Chain, control: 4.2.1}
#     - {framework: NIST SSDF, control: PS.2.1}
#     - {framework: OWASP SCVS, control: "2.5"}
#     - {framework: ISO/IEC 27001, control: A.8.24}
#   params:
#     signers: {type: strings, description: "signers as verify shows them, with patterns: key sha256:1a90…, or ada@example.com (issuer https://accounts.example.com)"}
#     sources: {default: [], type: strings, description: "repositories, with patterns, for whose jobs keyless signers have to have signed: a reusable workflow's certificate names that workflow, whoever calls it; [] is any"}
#     types: {default: [], type: strings, description: "types of attestations, by short name or URI, each of which has to be there; [] is all that are there"}
package hallmark.signed_by

import data.hallmark.lib.texts

deny contains "no attestation was verified" if count(input.attestations) == 0

deny contains {"msg": sprintf("no attestation of type %s was verified", [type]), "id": type} if {
	some type in data.params.types
	count(object.get(input.attestations, type, [])) == 0
}

deny contains {"msg": sprintf("the attestation of type %s is signed by %s", [type, a.signer]), "id": type, "resource": a.signer} if {
	some type, list in input.attestations
	asked(type)
	some a in list
	not texts.matches(data.params.signers, a.signer)
}

deny contains {"msg": sprintf("the attestation of type %s is signed by %s for %s", [type, a.signer, repository]), "id": type, "resource": a.signer} if {
	count(data.params.sources) > 0
	some type, list in input.attestations
	asked(type)
	some a in list
	not startswith(a.signer, "key ")
	repository := object.get(a, ["source", "repository"], "a repository that its certificate does not name")
	not texts.matches(data.params.sources, repository)
}

asked(_) if count(data.params.types) == 0

asked(type) if type in data.params.types
