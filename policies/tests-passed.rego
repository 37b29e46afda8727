# METADATA
# title: The tests passed
# description: >-
#   Signed test results are there, each says which tests were run, and none of them failed. Every result that is attached counts.
# custom:
#   severity: high
#   fix: make the tests pass, and attach the result again
#   controls:
#     - {framework: CIS Software Supply Chain, control: 1.1.9}
#     - {framework: NIST SSDF, control: PW.8.2}
#     - {framework: ISO/IEC 27001, control: A.8.29}
#   params:
#     allow_warned: {default: false, description: let a result with warnings pass}
#     configurations: {default: [], type: strings, description: "names or addresses of test configurations, with patterns, each of which has to be there; [] is any"}
package hallmark.tests_passed

import data.hallmark.lib.texts

deny contains sprintf("the test result is %v", [outcome(a)]) if {
	some a in attested
	not outcome(a) in accepted
}

deny contains {"msg": sprintf("the test %v failed", [test]), "resource": sprintf("%v", [test])} if {
	some a in attested
	some test in a.predicate.failedTests
}

deny contains "a test result does not say what was run (configuration)" if {
	some a in attested
	count(names(a)) == 0
}

deny contains sprintf("no test result is of %s", [pattern]) if {
	some pattern in data.params.configurations
	count([1 | some a in attested; some name in names(a); texts.matches([pattern], name)]) == 0
}

warn contains {"msg": sprintf("the test %v gave a warning", [test]), "resource": sprintf("%v", [test])} if {
	some a in attested
	some test in a.predicate.warnedTests
}

attested := input.attestations["test-result"]

outcome(a) := object.get(a.predicate, "result", "missing")

accepted := {"PASSED", "WARNED"} if data.params.allow_warned == true

else := {"PASSED"}

# names are what a configuration is known by.
names(a) := {name |
	some c in a.predicate.configuration
	some key in ["name", "uri", "downloadLocation"]
	name := c[key]
	texts.says(name)
}
