# METADATA
# title: No critical vulnerabilities
# custom:
#   predicateType: vuln
package sigstore

import rego.v1

critical := input.predicate.scanner.result.counts.effective.critical

isCompliant contains {"result": critical == 0, "error": message}

message := sprintf("%d critical: update to the versions that fix them", [critical])
