# METADATA
# title: No secrets
# description: >-
#   A signed report of a tool that looks for passwords, keys and tokens is there, and it found none. What is in an image or its source is
#   readable by everybody who can pull it.
# custom:
#   severity: critical
#   fix: revoke the secret, then remove it from the source and the image
#   controls:
#     - {framework: CIS Software Supply Chain, control: 1.5.1}
#     - {framework: NIST SSDF, control: PW.7.2}
#     - {framework: ISO/IEC 27001, control: A.5.17}
#     - {framework: ISO/IEC 27001, control: A.8.12}
#   params:
#     tools: {default: [gitleaks, trufflehog, detect-secrets, ggshield, kingfisher], description: "names of the tools, as SARIF has them, that look for secrets, with patterns"}
package hallmark.secrets_clean

import data.hallmark.lib.texts

deny contains sprintf("no report is of a tool that looks for secrets (%s)", [concat(", ", data.params.tools)]) if count(runs) == 0

deny contains {"msg": sprintf("%s found %s", [run.tool.driver.name, rule(result)]), "id": rule(result), "resource": place(result)} if {
	some run in runs
	some result in run.results
	not suppressed(result)
}

deny contains sprintf("the report of %s has no list of results", [run.tool.driver.name]) if {
	some run in runs
	not is_array(object.get(run, "results", null))
}

deny contains sprintf("%s did not finish", [run.tool.driver.name]) if {
	some run in runs
	some invocation in run.invocations
	invocation.executionSuccessful != true
}

runs := [run |
	some a in input.attestations.sarif
	some run in a.predicate.runs
	texts.matches(data.params.tools, run.tool.driver.name)
]

suppressed(result) if {
	some suppression in result.suppressions
	object.get(suppression, "status", "accepted") == "accepted"
}

rule(result) := result.ruleId if {
	texts.says(result.ruleId)
} else := object.get(result, ["rule", "id"], "a secret")

# place is the file and line.
place(result) := sprintf("%s:%v", [location.artifactLocation.uri, line]) if {
	location := result.locations[0].physicalLocation
	line := object.get(location, ["region", "startLine"], 0)
} else := ""
