# METADATA
# title: No critical vulnerabilities
# description: >-
#   The newest scan of the image has no finding at or above the severity, unless it is suppressed by a VEX statement or a waiver.
# custom:
#   severity: critical
#   controls:
#     - {framework: NIST SSDF, control: RV.1.1}
#   params:
#     severities: {default: [critical], description: the severities that deny}
#     fixable_only: {default: false, description: deny only for findings that an update fixes}
package hallmark.no_critical

import data.hallmark.lib.scans

deny contains {"msg": msg, "id": finding.id, "severity": finding.severity, "resource": scans.place(finding), "fix": scans.cure(finding)} if {
	some finding in scans.counting
	finding.severity in data.params.severities
	counts(finding)
	msg := sprintf("%s %s", [finding.severity, finding.id])
}

deny contains {"msg": "the scan lists no findings and no counts: it is not one of Hallmark's", "fix": "scan the image with hallmark run"} if {
	not input.scan.scanner.result.counts.effective
}

counts(_) if not data.params.fixable_only

counts(finding) if count(finding.fixedIn) > 0
