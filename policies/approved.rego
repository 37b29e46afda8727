# METADATA
# title: Approved by enough people
# description: >-
#   A signed approval says that enough different people, none of them the author, approved the very commit that was built. Nobody brings a
#   change into production alone.
# custom:
#   severity: high
#   fix: have the change approved, and attach the approval again
#   controls:
#     - {framework: CIS Software Supply Chain, control: 1.1.3}
#     - {framework: NIST SSDF, control: PW.7.2}
#     - {framework: ISO/IEC 27001, control: A.5.3}
#     - {framework: ISO/IEC 27001, control: A.8.32}
#   params:
#     required: {default: 1, description: how many people have to approve; the repository's own rule can ask for more}
#     teams: {default: [], type: strings, description: "teams of one of which each of them has to be, ORGANISATION/TEAM on GitHub, names of approval rules on GitLab; [] is anybody"}
package hallmark.approved

import data.hallmark.lib.texts

deny contains {"msg": sprintf("the approval does not say its %s", [field]), "id": field} if {
	some a in attested
	some field, text in {"author": author(a.predicate), "commit": object.get(a.predicate, "commit", "")}
	not texts.says(text)
}

deny contains "the approval lists no approvals, not even an empty list" if {
	some a in attested
	not is_array(object.get(a.predicate, "approvals", null))
}

deny contains sprintf("%d of %d approvals that are needed, by others than the author %v for the commit %v", [count(approvers(a.predicate)), needed(a.predicate), author(a.predicate), commit]) if {
	some a in attested
	count(approvers(a.predicate) | maybe(a.predicate)) < needed(a.predicate)
	commit := object.get(a.predicate, "commit", "")
}

deny contains {"msg": sprintf("required is %v, which is no number above 0", [data.params.required]), "fix": "correct the parameter"} if not positive

# Who approved and may be of one of the teams: neither a pass, nor a reason to deny.
undecided contains {"msg": msg, "fix": "give a token that is told the teams, and attach the approval again"} if {
	some a in attested
	have := count(approvers(a.predicate))
	have < needed(a.predicate)
	have + count(maybe(a.predicate) - approvers(a.predicate)) >= needed(a.predicate)
	why := object.get(a.predicate, "teamsUnknown", "the approval does not say them")
	msg := sprintf("%d of %d approvals are known to be of the teams %s, and the teams of %s are not known: %v", [
		have, needed(a.predicate), concat(", ", data.params.teams), concat(", ", sort(maybe(a.predicate))), why,
	])
}

positive if {
	is_number(data.params.required)
	data.params.required > 0
}

# Each has to be enough: which is the newest, only their signers say.
attested := input.attestations.approval

# author is who asked for the change.
author(predicate) := object.get(predicate, ["request", "author"], "")

needed(predicate) := max([n | some n in [data.params.required, object.get(predicate, "required", 0)]; is_number(n)])

# approvers are those whose approval counts.
approvers(predicate) := {lower(approval.by) |
	some approval in standing(predicate)
	of_team(approval)
}

# maybe are those of whose approval nobody knows whether it counts.
maybe(predicate) := {lower(approval.by) |
	count(data.params.teams) > 0
	some approval in standing(predicate)
	not is_array(object.get(approval, "teams", null))
}

# standing are the approvals of the commit by others than its author.
standing(predicate) := [approval |
	some approval in predicate.approvals
	texts.says(approval.by)
	texts.says(author(predicate))
	lower(approval.by) != lower(author(predicate))
	not approval.self
	approval.commit == predicate.commit
]

of_team(_) if count(data.params.teams) == 0

of_team(approval) if {
	some team in approval.teams
	team in data.params.teams
}
