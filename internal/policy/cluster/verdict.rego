# A policy that no single statement can answer: what the gate came to, as it
# attested it.
package sigstore

import rego.v1

problems contains "the verdict is not one of the verifier that is asked for" if not verifier

verifier if input.predicate.verifier.id == setting.verifier

# The controller has seen to it that a subject of the statement is the image. The verdict
# has to be about that digest, in whatever repository the image was when it was judged.
problems contains "the verdict is not about the image that it is attached to (resourceUri)" if not bound

bound if {
	count(input.subject) == 1
	parts := split(input.predicate.resourceUri, "@sha256:")
	count(parts) == 2
	parts[1] == input.subject[0].digest.sha256
}

# By default the whole verdict counts, with the built-in rules and all other policies.
problems contains sprintf("the verdict as a whole is %v, not PASSED%s", [result, culprits]) if {
	setting.whole
	result := object.get(input.predicate, "verificationResult", "missing")
	result != "PASSED"
}

culprits := sprintf(" (%s)", [concat(", ", array.slice(failed, 0, setting.limit))]) if count(failed) > 0

culprits := "" if count(failed) == 0

failed := sort({sprintf("%v: %v", [entry.name, entry.result]) |
	some entry in input.predicate.hallmark.policies
	entry.result != "pass"
})

problems contains sprintf("the verdict says nothing about the policy %s (%s)", [setting.policy, setting.digest]) if count(results) == 0

problems contains sprintf("the verdict on the policy %s is %v, not pass", [setting.policy, result]) if {
	some result in results
	result != "pass"
}

# Every entry about this very text counts, and one that says nothing passes nothing.
results := [object.get(entry, "result", "missing") | some entry in entries]

entries := [entry |
	some entry in input.predicate.hallmark.policies
	entry.digest.sha256 == setting.digest
]

problems contains sprintf("the verdict on the policy %s was made with other parameters", [setting.policy]) if {
	some entry in entries
	setting.params != ""
	object.get(entry, ["params", "sha256"], "") != setting.params
}

# What a verdict rests on may end: a waiver, or the time for which a scan is new enough.
problems contains sprintf("what the verdict rests on ended at %v: run the gate again", [end]) if {
	some end in ends
	not lasts(end)
}

ends contains entry.validUntil if some entry in entries

ends contains input.predicate.hallmark.validUntil if setting.whole

problems contains "the verdict does not say when it was made (timeVerified)" if not verified

problems contains "the verdict is from the future" if verified > now + setting.skew

problems contains sprintf("the verdict is older than %s: run the gate again", [setting.max_verdict_age.words]) if {
	setting.max_verdict_age.ns > 0
	now - verified > setting.max_verdict_age.ns
}

verified := time.parse_rfc3339_ns(input.predicate.timeVerified)

satisfied if {
	verifier
	bound
	verified
	"pass" in results
}
