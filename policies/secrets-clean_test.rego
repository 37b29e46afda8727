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
		with data.params as {"tools": ["gitleaks"], "ignore": []}
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
	denied([run([object.union(found, {"suppressions": [{"status": "accepted"}, {"status": "underReview"}]})])]) == {"Gitleaks found aws-access-token"}
	denied([run([object.union(found, {"suppressions": []})])]) == {"Gitleaks found aws-access-token"}
}

test_kinds if {
	every kind in ["fail", "review", "open", "odd", null] {
		denied([run([object.union(found, {"kind": kind})])]) == {"Gitleaks found aws-access-token"}
	}
	every kind in ["pass", "notApplicable", "informational"] {
		denied([run([object.union(found, {"kind": kind})])]) == set()
	}
	denied([run([object.union(found, {"baselineState": "absent"})])]) == set()
	denied([run([object.union(found, {"baselineState": "unchanged"})])]) == {"Gitleaks found aws-access-token"}
}

test_what_it_could_not_look_at if {
	errors := {"executionSuccessful": true, "toolExecutionNotifications": [{"level": "error", "message": {"text": "no access"}}, {"level": "note"}]}
	denied([object.union(run([]), {"invocations": [errors]})]) == {"Gitleaks could not look at everything: no access"}
	denied([object.union(run([]), {"invocations": [{"executionSuccessful": true, "toolConfigurationNotifications": [{"level": "error"}]}]})]) == {"Gitleaks could not look at everything: it does not say why"}
}

test_says_where if {
	some d in secrets_clean.deny with input.attestations as {"sarif": [{"predicate": {"runs": [run([found])]}}]}
		with data.params as {"tools": ["*"], "ignore": []}
	d.resource == "app/.env:3"
}

test_denies_without_a_report if {
	denied([]) == {"no report is of a tool that looks for secrets (gitleaks), and the layers were not searched"}
	denied([{"tool": {"driver": {"name": "linter"}}, "results": []}]) == {"no report is of a tool that looks for secrets (gitleaks), and the layers were not searched"}
	denied([object.remove(run([]), ["results"])]) == {"the report of Gitleaks has no list of results"}
	denied([object.union(run([]), {"invocations": [{"executionSuccessful": false}]})]) == {"Gitleaks did not finish"}
}

clean := {"digest": "sha256:aa", "complete": true, "found": 0, "rules": [], "findings": []}

leak := {"rule": "github-pat", "path": "/app/.env", "layer": "sha256:bb", "line": 3}

searched(image, params) := {messages_test.message(d) |
	some d in secrets_clean.deny with input.attestations as {"secrets": [{"predicate": {"images": [clean, image]}}]}
		with data.params as object.union({"tools": ["gitleaks"], "ignore": []}, params)
}

test_a_search_of_the_layers if {
	searched(clean, {}) == set()
	searched(object.union(clean, {"found": 1, "findings": [leak]}), {}) == {"the search of the layers found github-pat"}
	searched(object.union(clean, {"found": 1, "findings": [leak]}), {"ignore": ["github-*"]}) == set()
	searched(object.union(clean, {"found": 2, "findings": [leak]}), {"ignore": ["github-*"]}) == {"the search of the layers found 2 places and lists 1"}
	searched(object.union(clean, {"complete": false}), {}) == {"the search of the layers did not see all texts to their end"}
	searched({}, {}) == {
		"the search of the layers did not see all texts to their end",
		"the search of the layers found unknown places and lists 0",
	}
}

test_a_search_of_nothing if {
	denied_search({}) == {"the search of the layers names no image"}
	denied_search({"images": []}) == {"the search of the layers names no image"}
}

denied_search(predicate) := {messages_test.message(d) |
	some d in secrets_clean.deny with input.attestations as {"secrets": [{"predicate": predicate}]}
		with data.params as {"tools": ["gitleaks"], "ignore": []}
}

test_both_count if {
	some d in secrets_clean.deny with input.attestations as {"secrets": [{"predicate": {"images": [clean]}}], "sarif": [{"predicate": {"runs": [run([found])]}}]}
		with data.params as {"tools": ["gitleaks"], "ignore": []}
	messages_test.message(d) == "Gitleaks found aws-access-token"
}
