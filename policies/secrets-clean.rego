# METADATA
# title: No secrets
# description: >-
#   A signed report of a tool that looks for passwords, keys and tokens is there, and it found none: a search of the image's layers
#   (evidence: secrets), a tool's SARIF (sarif), or both, of which each counts. What is in an image is readable by everybody who can pull it.
# custom:
#   severity: critical
#   optional: [sarif, secrets]
#   fix: revoke the secret, then remove it from the source and the image
#   controls:
#     - {framework: CIS Software Supply Chain, control: 1.5.1}
#     - {framework: NIST SSDF, control: PW.7.2}
#     - {framework: ISO/IEC 27001, control: A.5.17}
#     - {framework: ISO/IEC 27001, control: A.8.12}
#   params:
#     tools: {default: [gitleaks, trufflehog, detect-secrets, ggshield, kingfisher], description: "names of the tools, as SARIF has them, that look for secrets, with patterns"}
#     ignore: {default: [], type: strings, description: "rules of the search of the layers whose findings do not count, with patterns: generic-api-key"}
package hallmark.secrets_clean

import data.hallmark.lib.texts

deny contains sprintf("no report is of a tool that looks for secrets (%s), and the layers were not searched", [concat(", ", data.params.tools)]) if {
	count(runs) == 0
	count(searches) == 0
}

deny contains {"msg": sprintf("the search of the layers found %s", [finding.rule]), "id": finding.rule, "resource": sprintf("%s:%v", [finding.path, finding.line])} if {
	some image in searched
	some finding in image.findings
	not texts.matches(data.params.ignore, finding.rule)
}

deny contains sprintf("the search of the layers found %v places and lists %d", [found, count(listed)]) if {
	some image in searched
	found := object.get(image, "found", "unknown")
	listed := object.get(image, "findings", [])
	found != count(listed)
}

deny contains "the search of the layers did not see all texts to their end" if {
	some image in searched
	object.get(image, "complete", false) != true
}

deny contains "the search of the layers names no image" if {
	some search in searches
	count(object.get(search.predicate, "images", [])) == 0
}

deny contains {"msg": sprintf("%s found %s", [run.tool.driver.name, rule(result)]), "id": rule(result), "resource": place(result)} if {
	some run in runs
	some result in run.results
	counts(result)
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

deny contains sprintf("%s could not look at everything: %s", [run.tool.driver.name, object.get(notification, ["message", "text"], "it does not say why")]) if {
	some run in runs
	some invocation in run.invocations
	some kind in ["toolExecutionNotifications", "toolConfigurationNotifications"]
	some notification in invocation[kind]
	notification.level == "error"
}

runs := [run |
	some a in input.attestations.sarif
	some run in a.predicate.runs
	texts.matches(data.params.tools, run.tool.driver.name)
]

searches := [a | some a in input.attestations.secrets]

searched := [image |
	some search in searches
	some image in search.predicate.images
]

# counts reports whether a result is a failure, or may be one: what a tool leaves to somebody else counts.
counts(result) if {
	not object.get(result, "kind", "fail") in {"pass", "notApplicable", "informational"}
	object.get(result, "baselineState", "new") != "absent"
}

# suppressed: somebody took the result back, and nobody that.
suppressed(result) if {
	count(result.suppressions) > 0
	count([1 | some suppression in result.suppressions; object.get(suppression, "status", "accepted") != "accepted"]) == 0
}

rule(result) := result.ruleId if {
	texts.says(result.ruleId)
} else := object.get(result, ["rule", "id"], "a secret")

# place is the file and line.
place(result) := sprintf("%s:%v", [location.artifactLocation.uri, line]) if {
	location := result.locations[0].physicalLocation
	line := object.get(location, ["region", "startLine"], 0)
} else := ""
