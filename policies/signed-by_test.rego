package hallmark.signed_by_test

import data.hallmark.messages_test
import data.hallmark.signed_by

attestations := {
	"cyclonedx": [{"signer": "key sha256:aa"}],
	"vuln": [{"signer": "ada@example.com (issuer https://accounts.example.com)"}, {"signer": "key sha256:aa"}],
}

denied(given, signers, types) := {messages_test.message(d) |
	some d in signed_by.deny with input.attestations as given with data.params as {"signers": signers, "types": types, "sources": []}
}

# A reusable workflow signs alike for whoever calls it.
test_denies_another_source if {
	by := sprintf("the attestation of type vuln is signed by %s for ", [workflow])
	denied_by_source({"source": {"repository": "https://github.com/team/shop"}}) == set()
	denied_by_source({"source": {"repository": "https://github.com/eve/shop"}}) == {concat("", [by, "https://github.com/eve/shop"])}
	denied_by_source({}) == {concat("", [by, "a repository that its certificate does not name"])}
}

workflow := "https://github.com/acme/ci/.github/workflows/attest.yml@refs/tags/v1 (issuer https://token.example)"

denied_by_source(entry) := {messages_test.message(d) |
	some d in signed_by.deny with input.attestations as {"vuln": [object.union({"signer": workflow}, entry), {"signer": "key sha256:aa"}]}
		with data.params as {"signers": ["*"], "types": [], "sources": ["https://github.com/team/*"]}
}

test_passes if {
	denied(attestations, ["key sha256:aa", "ada@example.com (issuer https://accounts.example.com)"], []) == set()
	denied(attestations, ["key sha256:aa"], ["cyclonedx"]) == set()
	denied(attestations, ["key *", "*@example.com (issuer https://accounts.example.com)"], []) == set()
}

test_denies_others if {
	denied(attestations, ["key sha256:aa"], []) == {"the attestation of type vuln is signed by ada@example.com (issuer https://accounts.example.com)"}
	denied(attestations, ["key sha256:bb"], ["cyclonedx"]) == {"the attestation of type cyclonedx is signed by key sha256:aa"}
}

test_an_issuer_belongs_to_the_signer if {
	count(denied({"vuln": [{"signer": "ada@example.com (issuer https://evil.example)"}]}, ["ada@example.com (issuer https://accounts.example.com)"], [])) == 1
}

test_denies_what_is_not_there if {
	denied({}, ["*"], []) == {"no attestation was verified"}
	denied(attestations, ["*"], ["slsaprovenance1"]) == {"no attestation of type slsaprovenance1 was verified"}
}
