# METADATA
# title: No critical vulnerabilities
# description: >-
#   The newest scan of the image has no finding of the severities, unless a VEX statement or a waiver suppresses it at this time. Findings
#   whose severity nobody knows are warned about.
# custom:
#   severity: critical
#   controls:
#     - {framework: NIST SSDF, control: PW.4.4}
#     - {framework: NIST SSDF, control: RV.2.2}
#     - {framework: EU CRA, control: I (2)(a)}
#     - {framework: EU CRA, control: II (2)}
#     - {framework: ISO/IEC 27001, control: A.8.8}
#   params:
#     severities: {default: [critical], description: "the severities that deny: critical, high, medium, low, negligible, unknown"}
#     fixable_only: {default: false, description: deny only for findings that an update fixes}
package hallmark.no_critical

import data.hallmark.lib.scans

deny contains {"msg": msg, "id": finding.id, "severity": finding.severity, "resource": scans.place(finding), "fix": scans.cure(finding)} if {
	some finding in scans.counting
	finding.severity in data.params.severities
	counts(finding)
	msg := sprintf("%s %s", [finding.severity, finding.id])
}

deny contains {"msg": why, "fix": "scan the image with hallmark run"} if some why in scans.misshapen

deny contains {"msg": sprintf("%v is no severity", [severity]), "fix": "correct the parameter severities"} if {
	some severity in data.params.severities
	not severity in scans.severities
}

warn contains {"msg": sprintf("%d findings of unknown severity were not judged", [unknown]), "severity": "unknown"} if {
	not "unknown" in data.params.severities
	unknown := count([f | some f in scans.counting; f.severity == "unknown"])
	unknown > 0
}

counts(_) if data.params.fixable_only != true

counts(finding) if count(finding.fixedIn) > 0
