# METADATA
# title: The image was scanned, and lately
# description: >-
#   A signed scan for vulnerabilities is there, finished lately, and used a database that was new then. A scan says nothing about what was
#   published after it.
# custom:
#   severity: high
#   fix: scan the image again with hallmark run
#   controls:
#     - {framework: OWASP SCVS, control: "2.8"}
#     - {framework: OWASP SCVS, control: "5.4"}
#     - {framework: CIS Software Supply Chain, control: 1.5.5}
#     - {framework: CIS Software Supply Chain, control: 3.2.2}
#     - {framework: NIST SSDF, control: RV.1.1}
#     - {framework: EU CRA, control: II (3)}
#     - {framework: ISO/IEC 27001, control: A.8.8}
#   params:
#     max_age: {default: 120h, description: greatest age of the scan; 0h is any age}
#     max_database_age: {default: 120h, description: greatest age of its database when the scan finished; 0h is any age}
package hallmark.scan_present

import data.hallmark.lib.texts
import data.hallmark.lib.times

deny contains times.problem("the scan", finished, data.params.max_age)

deny contains "the scan does not name its scanner" if not texts.says(object.get(input.scan, ["scanner", "uri"], ""))

deny contains "the scan has no result" if not result

deny contains sprintf("the scan does not say when its database was built (%v is no time)", [built]) if not times.instant(built)

deny contains sprintf("max_database_age is %v, which is no duration such as 120h", [data.params.max_database_age]) if {
	not times.duration(data.params.max_database_age)
}

deny contains sprintf("the database is of %s, more than %s before the scan", [built, data.params.max_database_age]) if {
	limit := times.duration(data.params.max_database_age)
	limit > 0
	times.instant(finished) - times.instant(built) > limit
}

finished := object.get(input.scan, ["metadata", "scanFinishedOn"], "")

result if count(input.scan.scanner.result) > 0

# What the Policy Controller passes on has no lastUpdate.
built := input.scan.scanner.result.database.built if {
	texts.says(input.scan.scanner.result.database.built)
} else := object.get(input.scan, ["scanner", "db", "lastUpdate"], "")
