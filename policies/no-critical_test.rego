package hallmark.no_critical_test

import data.hallmark.no_critical

finding := {
	"id": "CVE-1", "severity": "critical", "fixedIn": ["2", "3"],
	"package": {"name": "zlib", "version": "1"},
}

scan(findings) := {"scanner": {"result": {
	"findings": findings,
	"counts": {"raw": {s: n |
		some s in ["critical", "high", "medium", "low", "negligible", "unknown"]
		n := count([f | some f in findings; f.severity == s])
	}},
}}}

now := time.parse_rfc3339_ns("2026-11-24T12:00:00Z")

denied(scan, params) := {d.msg |
	some d in no_critical.deny with input.scan as scan
		with data.params as object.union({"severities": ["critical"], "fixable_only": false}, params)
		with time.now_ns as now
}

suppressed(by) := scan([object.union(finding, {"suppressedBy": by})])

test_passes if {
	denied(scan([]), {}) == set()
	denied(scan([object.union(finding, {"severity": "high"})]), {}) == set()
	denied(scan([object.union(finding, {"fixedIn": []})]), {"fixable_only": true}) == set()
}

test_denies_each if {
	d := no_critical.deny with input.scan as scan([finding, object.union(finding, {"id": "CVE-2", "fixedIn": []})])
		with data.params as {"severities": ["critical", "high"], "fixable_only": false}
	d == {
		{"msg": "critical CVE-1", "id": "CVE-1", "severity": "critical", "resource": "zlib 1", "fix": "update zlib to 2 or 3"},
		{"msg": "critical CVE-2", "id": "CVE-2", "severity": "critical", "resource": "zlib 1", "fix": "no version of zlib fixes it yet: remove it, or give a waiver that expires"},
	}
}

test_a_suppression_holds_until_its_end if {
	denied(suppressed({"source": "vex"}), {}) == set()
	denied(suppressed({"source": "vex", "until": "2026-11-25T00:00:00Z"}), {}) == set()
	denied(suppressed({"source": "waiver", "until": "2026-11-25T00:00:00Z"}), {}) == set()
	denied(suppressed({"source": "waiver", "until": "2026-11-23T00:00:00Z"}), {}) == {"critical CVE-1"}
	denied(suppressed({"source": "vex", "until": "2026-11-23T00:00:00Z"}), {}) == {"critical CVE-1"}
}

test_a_suppression_by_nobody_is_none if {
	denied(suppressed(null), {}) == {"critical CVE-1"}
	denied(suppressed({"source": "waiver"}), {}) == {"critical CVE-1"}
	denied(suppressed({"source": "", "until": "2026-11-25T00:00:00Z"}), {}) == {"critical CVE-1"}
}

test_denies_a_scan_of_another_shape if {
	denied({}, {}) == {"the scan lists no findings, not even an empty list: it is not of Hallmark's form"}
	denied({"scanner": {"result": {"findings": []}}}, {}) == {"the scan counts -6 findings and lists 0"}
	denied(scan([object.remove(finding, ["package"])]), {}) == {"finding 0 of the scan lacks its id, severity, package or fixes"}
	denied(scan([object.union(finding, {"severity": "Critical"})]), {}) == {
		"the scan counts 0 findings and lists 1",
		"finding 0 of the scan lacks its id, severity, package or fixes",
	}
}

test_denies_severities_that_are_none if {
	denied(scan([]), {"severities": ["Critical"]}) == {"Critical is no severity"}
}

test_warns_of_what_was_not_judged if {
	unknown := scan([object.union(finding, {"severity": "unknown"})])
	no_critical.warn == {{"msg": "1 findings of unknown severity were not judged", "severity": "unknown"}} with input.scan as unknown
		with data.params as {"severities": ["critical"]}
	no_critical.warn == set() with input.scan as unknown with data.params as {"severities": ["unknown"]}
}
