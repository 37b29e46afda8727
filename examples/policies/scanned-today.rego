# METADATA
# title: The scan is at most a day old
# custom:
#   predicateType: vuln
package sigstore

import rego.v1

finished := time.parse_rfc3339_ns(input.predicate.metadata.scanFinishedOn)

day := 24 * 60 * 60 * 1000000000

isCompliant contains {"result": age < day, "error": "the scan is older than a day: scan again"} if age > -day

age := time.now_ns() - finished
