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
#     teams: {default: [], description: "teams of one of which each of them has to be; [] is anybody"}
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
	count(approvers(a.predicate)) < needed(a.predicate)
	commit := object.get(a.predicate, "commit", "")
}

deny contains {"msg": sprintf("required is %v, which is no number above 0", [data.params.required]), "fix": "correct the parameter"} if not positive

positive if {
	is_number(data.params.required)
	data.params.required > 0
}

# Each has to be enough: which is the newest, only their signers say.
attested := input.attestations.approval

# author is who asked for the change.
author(predicate) := object.get(predicate, ["request", "author"], "")

needed(predicate) := max([n | some n in [data.params.required, object.get(predicate, "required", 0)]; is_number(n)])

approvers(predicate) := {lower(approval.by) |
	some approval in predicate.approvals
	texts.says(approval.by)
	texts.says(author(predicate))
	lower(approval.by) != lower(author(predicate))
	not approval.self
	approval.commit == predicate.commit
	of_team(approval)
}

of_team(_) if count(data.params.teams) == 0

of_team(approval) if {
	some team in approval.teams
	team in data.params.teams
}
