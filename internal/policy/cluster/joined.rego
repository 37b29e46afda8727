# A policy of the project's own dialect, on a single statement.
package sigstore

import rego.v1

problems contains text if {
	some said in denied | unknown
	text := sentence(said)
}

problems contains sprintf("%s holds something else than texts and {msg, id, severity, fix, resource}", [rule]) if {
	some rule, all in {"deny": denied, "undecided": unknown}
	some said in all
	not sentence(said)
}

problems contains "the policy could not be evaluated on the attestation" if not denied

problems contains "the policy could not be evaluated on the attestation" if not unknown

denied := untyped(found) if found := policy_deny with input as evidence

# The cluster knows no third answer: what could not be decided does not pass.
unknown := untyped(found) if found := policy_undecided with input as evidence

evidence := object.union_n([
	{
		"now": time.format([now, "UTC", "2006-01-02T15:04:05Z07:00"]),
		"image": image,
		"attestations": {setting.word: [object.union(
			object.filter(input, ["_type", "predicateType", "subject"]),
			{"predicate": predicate},
		)]},
	},
	shorthand,
])

shorthand := {setting.shorthand: predicate} if setting.shorthand != ""

shorthand := {} if setting.shorthand == ""

# The controller has seen to it that the statement is about the image. Which of
# several subjects that is it does not tell.
image := {"digest": sprintf("sha256:%s", [input.subject[0].digest.sha256])} if count(input.subject) == 1

image := {} if {
	count(input.subject) != 1
	not setting.needs_digest
}

satisfied if count(denied | unknown) == 0
