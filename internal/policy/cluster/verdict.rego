# A policy that no single statement can answer: what the gate came to, as it
# attested it.
package sigstore

import rego.v1

problems contains "the verdict is not one of the verifier that is asked for" if not verifier

verifier if input.predicate.verifier.id == setting.verifier

problems contains sprintf("the verdict says nothing about the policy %s (%s)", [setting.policy, setting.digest]) if count(results) == 0

problems contains sprintf("the verdict on the policy %s is %v, not pass", [setting.policy, result]) if {
	some result in results
	result != "pass"
}

# Every entry about this very text counts, and one that says nothing passes nothing.
results := [result |
	some entry in input.predicate.hallmark.policies
	entry.digest.sha256 == setting.digest
	result := object.get(entry, "result", "missing")
]

problems contains sprintf("the verdict on the policy %s was made with other parameters", [setting.policy]) if {
	some entry in input.predicate.hallmark.policies
	entry.digest.sha256 == setting.digest
	setting.params != ""
	object.get(entry, ["params", "sha256"], "") != setting.params
}

problems contains "the verdict does not say when it was made (timeVerified)" if not verified

problems contains "the verdict is from the future" if verified > now + setting.skew

problems contains sprintf("the verdict is older than %s: run the gate again", [setting.max_verdict_age.words]) if {
	setting.max_verdict_age.ns > 0
	now - verified > setting.max_verdict_age.ns
}

verified := time.parse_rfc3339_ns(input.predicate.timeVerified)

satisfied if {
	verifier
	verified
	"pass" in results
}
