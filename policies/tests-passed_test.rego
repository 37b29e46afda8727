package hallmark.tests_passed_test

import data.hallmark.messages_test
import data.hallmark.tests_passed

result(edit) := object.union({"result": "PASSED", "configuration": [{"name": "unit"}], "passedTests": ["a"]}, edit)

denied(predicates, params) := {messages_test.message(d) |
	some d in tests_passed.deny with input.attestations as {"test-result": [{"predicate": p} | some p in predicates]}
		with data.params as object.union({"allow_warned": false, "configurations": []}, params)
}

test_passes if {
	denied([result({})], {}) == set()
	denied([result({}), result({"configuration": [{"uri": "git+https://example.com/ci"}]})], {"configurations": ["unit", "git+https://example.com/*"]}) == set()
	denied([result({"result": "WARNED"})], {"allow_warned": true}) == set()
}

test_denies_what_failed if {
	denied([result({}), result({"result": "FAILED", "failedTests": ["b"]})], {}) == {"the test result is FAILED", "the test b failed"}
	denied([result({"failedTests": ["b"]})], {}) == {"the test b failed"}
	denied([result({"result": "WARNED"})], {}) == {"the test result is WARNED"}
}

test_denies_an_empty_one if {
	denied([{}], {}) == {"the test result is missing", "a test result does not say what was run (configuration)"}
	denied([result({"configuration": [{}]})], {}) == {"a test result does not say what was run (configuration)"}
}

test_denies_a_configuration_that_is_missing if {
	denied([result({})], {"configurations": ["unit", "browser"]}) == {"no test result is of browser"}
}

test_warns if {
	tests_passed.warn == {{"msg": "the test c gave a warning", "resource": "c"}} with input.attestations as {"test-result": [{"predicate": result({"warnedTests": ["c"]})}]}
}
