# METADATA
# title: The distribution still gets fixes
# description: >-
#   The operating system that the SBOM names has not reached its end of life, by a table of the dates that its makers publish, checked on
#   2026-08-22. After that day nobody fixes the packages, and scans may find nothing because nobody looks any more. It warns ahead.
# custom:
#   severity: high
#   fix: build from a release that is supported
#   controls:
#     - {framework: OWASP SCVS, control: "5.8"}
#     - {framework: NIST SSDF, control: PW.4.4}
#     - {framework: EU CRA, control: I (2)(c)}
#     - {framework: ISO/IEC 27001, control: A.8.19}
#   params:
#     releases: {default: {}, description: "further last days, which come before those of the table: {debian: {\"11\": \"2031-06-30\"}}, by ID and VERSION_ID of os-release"}
#     warn_before: {default: 2160h, description: "how long before the end it warns"}
#     allow_none: {default: false, description: "let an image without an operating system pass: scratch"}
package hallmark.supported_distribution

import data.hallmark.lib.distributions
import data.hallmark.lib.sboms
import data.hallmark.lib.times

deny contains "the SBOM is neither CycloneDX nor SPDX 2" if {
	input.sbom
	not sboms.format
}

deny contains "the SBOM names no component" if count(sboms.parts) == 0

deny contains {"msg": "the SBOM names no operating system", "fix": "make the SBOM of the whole image; for one without any, set allow_none"} if {
	sboms.format
	not sboms.system
	data.params.allow_none != true
}

deny contains {"msg": sprintf("when %s ends is not known (table of %s)", [system, distributions.date]), "resource": system, "fix": "set the parameter releases"} if {
	not end
	not sboms.system.name in distributions.rolling
}

deny contains {"msg": sprintf("%s ended on %s", [system, end]), "resource": system} if time.now_ns() > day_after(end)

deny contains {"msg": sprintf("the end of %s is %v, which is no day", [system, end]), "fix": "write days in releases as \"2031-06-30\""} if not day_after(end)

deny contains {"msg": sprintf("warn_before is %v, which is no duration such as 2160h", [data.params.warn_before]), "fix": "correct the parameter"} if {
	not times.duration(data.params.warn_before)
}

warn contains {"msg": sprintf("%s ends on %s", [system, end]), "resource": system} if {
	time.now_ns() <= day_after(end)
	time.now_ns() + times.duration(data.params.warn_before) > day_after(end)
}

system := sprintf("%s %s", [sboms.system.name, sboms.system.version])

table := object.union(
	object.get(distributions.ends, sboms.system.name, {}),
	object.get(data.params.releases, sboms.system.name, {}),
)

end := table[distributions.release(table, sboms.system.version)]

day_after(date) := times.instant(sprintf("%vT00:00:00Z", [date])) + times.day
