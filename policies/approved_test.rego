package hallmark.approved_test

import data.hallmark.approved
import data.hallmark.messages_test

approval(by) := {"by": by, "teams": ["security"], "at": "2026-11-24T12:00:00Z", "commit": "c1", "self": false}

approval_of(approvals) := {"request": {"number": "7", "author": "eve"}, "commit": "c1", "built": "c2", "required": 1, "approvals": approvals}

denied(predicate, params) := {messages_test.message(d) |
	some d in approved.deny with input.attestations as {"approval": [{"predicate": predicate}]}
		with data.params as object.union({"required": 1, "teams": []}, params)
}

short(have, need) := {sprintf("%d of %d approvals that are needed, by others than the author eve for the commit c1", [have, need])}

test_passes if {
	denied(approval_of([approval("ada")]), {}) == set()
	denied(approval_of([approval("ada"), approval("bob")]), {"required": 2, "teams": ["security"]}) == set()
}

test_denies_too_few if {
	denied(approval_of([]), {}) == short(0, 1)
	denied(approval_of([approval("ada")]), {"required": 2}) == short(1, 2)
	denied(object.union(approval_of([approval("ada")]), {"required": 2}), {}) == short(1, 2)
}

test_does_not_count if {
	every a in [
		approval("eve"), approval("EVE"), approval(""), object.union(approval("ada"), {"self": true}),
		object.union(approval("ada"), {"commit": "c0"}), object.remove(approval("ada"), ["commit"]),
	] {
		denied(approval_of([a]), {}) == short(0, 1)
	}
	denied(approval_of([approval("ada"), approval("Ada")]), {"required": 2}) == short(1, 2)
	denied(approval_of([approval("ada")]), {"teams": ["release"]}) == short(0, 1)
	denied(approval_of([object.union(approval("ada"), {"teams": []})]), {"teams": ["release"]}) == short(0, 1)
}

unknown(predicate, params) := {messages_test.message(d) |
	some d in approved.undecided with input.attestations as {"approval": [{"predicate": predicate}]}
		with data.params as object.union({"required": 1, "teams": []}, params)
}

of_no_known_team(by) := object.remove(approval(by), ["teams"])

# Where the host does not tell teams, it is neither a pass nor a denial, unless
# that makes no difference.
test_undecided_without_teams if {
	one := object.union(approval_of([of_no_known_team("ada")]), {"teamsUnknown": "the token may not"})
	unknown(one, {"teams": ["release", "security"]}) == {"0 of 1 approvals are known to be of the teams release, security, and the teams of ada are not known: the token may not"}
	unknown(object.remove(one, ["teamsUnknown"]), {"teams": ["release"]}) == {"0 of 1 approvals are known to be of the teams release, and the teams of ada are not known: the approval does not say them"}
	denied(one, {"teams": ["release"]}) == set()

	unknown(one, {}) == set()
	unknown(one, {"required": 2, "teams": ["release"]}) == set()
	denied(one, {"required": 2, "teams": ["release"]}) == short(0, 2)

	both := approval_of([of_no_known_team("ada"), approval("bob")])
	unknown(both, {"teams": ["security"]}) == set()
	denied(both, {"teams": ["security"]}) == set()
	count(unknown(both, {"required": 2, "teams": ["security"]})) == 1

	unknown(approval_of([of_no_known_team("eve")]), {"teams": ["security"]}) == set()
	denied(approval_of([of_no_known_team("eve")]), {"teams": ["security"]}) == short(0, 1)
}

test_denies_an_empty_one if {
	denied({}, {}) == {
		"the approval does not say its author", "the approval does not say its commit",
		"the approval lists no approvals, not even an empty list",
		"0 of 1 approvals that are needed, by others than the author  for the commit ",
	}
	denied({"approvals": [{"by": "ada"}]}, {}) == {
		"the approval does not say its author", "the approval does not say its commit",
		"0 of 1 approvals that are needed, by others than the author  for the commit ",
	}
}

test_denies_a_number_that_is_none if {
	denied(approval_of([approval("ada")]), {"required": 0}) == {"required is 0, which is no number above 0"}
	"required is two, which is no number above 0" in denied(approval_of([approval("ada")]), {"required": "two"})
}
