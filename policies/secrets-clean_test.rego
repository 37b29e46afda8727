package hallmark.secrets_clean_test

import data.hallmark.messages_test
import data.hallmark.secrets_clean

run(results) := {"tool": {"driver": {"name": "Gitleaks"}}, "results": results}

found := {"ruleId": "aws-access-token", "locations": [{"physicalLocation": {
	"artifactLocation": {"uri": "app/.env"},
	"region": {"startLine": 3},
}}]}

denied(runs) := {messages_test.message(d) |
	some d in secrets_clean.deny with input.attestations as {"sarif": [{"predicate": {"runs": runs}}]}
		with data.params as {"tools": ["gitleaks"]}
}

test_passes if {
	denied([run([])]) == set()
	denied([run([object.union(found, {"suppressions": [{"kind": "external"}]})]), {"tool": {"driver": {"name": "linter"}}, "results": [found]}]) == set()
	denied([object.union(run([]), {"invocations": [{"executionSuccessful": true}]})]) == set()
}

test_denies_what_was_found if {
	denied([run([found])]) == {"Gitleaks found aws-access-token"}
	denied([run([{"rule": {"id": "key"}}, {}])]) == {"Gitleaks found key", "Gitleaks found a secret"}
	denied([run([object.union(found, {"suppressions": [{"kind": "external", "status": "rejected"}]})])]) == {"Gitleaks found aws-access-token"}
}

test_says_where if {
	some d in secrets_clean.deny with input.attestations as {"sarif": [{"predicate": {"runs": [run([found])]}}]}
		with data.params as {"tools": ["*"]}
	d.resource == "app/.env:3"
}

test_denies_without_a_report if {
	denied([]) == {"no report is of a tool that looks for secrets (gitleaks)"}
	denied([{"tool": {"driver": {"name": "linter"}}, "results": []}]) == {"no report is of a tool that looks for secrets (gitleaks)"}
	denied([object.remove(run([]), ["results"])]) == {"the report of Gitleaks has no list of results"}
	denied([object.union(run([]), {"invocations": [{"executionSuccessful": false}]})]) == {"Gitleaks did not finish"}
}
