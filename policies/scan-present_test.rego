package hallmark.scan_present_test

import data.hallmark.scan_present

scan := {
	"scanner": {
		"uri": "pkg:golang/example.com/scanner",
		"db": {"lastUpdate": "2026-11-24T00:00:00Z"},
		"result": {"counts": {}, "database": {"built": "2026-11-23T00:00:00Z"}},
	},
	"metadata": {"scanFinishedOn": "2026-11-24T06:00:00Z"},
}

now := time.parse_rfc3339_ns("2026-11-24T12:00:00Z")

ages := {"max_age": "24h", "max_database_age": "48h"}

denied(edit, params) := {d |
	some d in scan_present.deny with input.scan as json.patch(scan, edit)
		with data.params as object.union(ages, params)
		with time.now_ns as now
}

test_passes if {
	denied([], {}) == set()
	denied([], {"max_age": "0h", "max_database_age": "0h"}) == set()
	denied([{"op": "remove", "path": "/scanner/result/database"}], {}) == set()
}

test_denies_an_old_scan if {
	denied([], {"max_age": "1h"}) == {"the scan is of 2026-11-24T06:00:00Z, which is more than 1h ago"}
}

test_denies_an_old_database if {
	denied([], {"max_database_age": "24h"}) == {"the database is of 2026-11-23T00:00:00Z, more than 24h before the scan"}
}

test_denies_a_scan_without_a_time if {
	denied([{"op": "remove", "path": "/metadata"}], {}) == {"the scan does not say when it was made"}
	denied([{"op": "replace", "path": "/metadata/scanFinishedOn", "value": "yesterday"}], {}) == {"the scan says that it was made at yesterday, which is no time"}
}

test_denies_a_database_without_a_time if {
	denied([{"op": "replace", "path": "/scanner/result/database/built", "value": "new"}], {}) == {"the scan does not say when its database was built (new is no time)"}
}

test_denies_ages_that_are_none if {
	denied([], {"max_age": "5 days", "max_database_age": 48}) == {
		"the greatest age of the scan is 5 days, which is no duration such as 120h",
		"max_database_age is 48, which is no duration such as 120h",
	}
}

test_denies_a_scan_without_its_scanner_or_result if {
	denied([{"op": "remove", "path": "/scanner/uri"}], {}) == {"the scan does not name its scanner"}
	denied([{"op": "replace", "path": "/scanner/result", "value": {}}], {}) == {"the scan has no result"}
}
