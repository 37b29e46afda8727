# Shared rules about vulnerability scans of Hallmark's form.
package hallmark.lib.scans

import data.hallmark.lib.times

severities := {"critical", "high", "medium", "low", "negligible", "unknown"}

result := object.get(input.scan, ["scanner", "result"], {})

# misshapen says why a scan cannot be judged by its findings.
misshapen contains "the scan lists no findings, not even an empty list: it is not of Hallmark's form" if {
	not is_array(object.get(result, "findings", null))
}

misshapen contains sprintf("the scan counts %v findings and lists %d", [counted, count(result.findings)]) if {
	is_array(result.findings)
	counted := sum([n | some severity in severities; n := object.get(result, ["counts", "raw", severity], -1)])
	counted != count(result.findings)
}

misshapen contains sprintf("finding %d of the scan lacks its id, severity, package or fixes", [i]) if {
	some i, finding in result.findings
	not whole(finding)
}

whole(finding) if {
	is_string(finding.id)
	finding.severity in severities
	is_string(finding.package.name)
	is_string(finding.package.version)
	is_array(finding.fixedIn)
}

# counting are the findings that nothing suppresses now.
counting := [finding |
	some finding in result.findings
	whole(finding)
	not suppressed(finding)
]

suppressed(finding) if {
	finding.suppressedBy.source in {"database", "vex"}
	lasts(finding.suppressedBy)
}

suppressed(finding) if {
	finding.suppressedBy.source == "waiver"
	times.instant(finding.suppressedBy.until) > time.now_ns()
}

lasts(suppression) if not suppression.until

lasts(suppression) if times.instant(suppression.until) > time.now_ns()

# place names a finding's package with its version.
place(finding) := sprintf("%s %s", [finding.package.name, finding.package.version])

# cure says what to do about a finding.
cure(finding) := sprintf("update %s to %s", [finding.package.name, concat(" or ", finding.fixedIn)]) if count(finding.fixedIn) > 0

cure(finding) := sprintf("no version of %s fixes it yet: remove it, or give a waiver that expires", [finding.package.name]) if count(finding.fixedIn) == 0
