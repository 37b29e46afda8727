# Shared rules about vulnerability scans.
package hallmark.lib.scans

# counting are the findings of the newest scan that nothing suppresses.
counting := [finding |
	some finding in input.scan.scanner.result.findings
	not finding.suppressedBy
]

# place names a finding's package with its version.
place(finding) := sprintf("%s %s", [finding.package.name, finding.package.version])

# cure says what to do about a finding.
cure(finding) := sprintf("update %s to %s", [finding.package.name, concat(" or ", finding.fixedIn)]) if count(finding.fixedIn) > 0

cure(finding) := sprintf("no version of %s fixes it yet: remove it, or give a waiver that expires", [finding.package.name]) if count(finding.fixedIn) == 0
