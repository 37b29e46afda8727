package hallmark.sbom_present_test

import data.hallmark.sbom_present

cyclonedx := {
	"bomFormat": "CycloneDX",
	"metadata": {"timestamp": "2026-11-01T00:00:00Z"},
	"components": [{"type": "library", "name": "zlib", "version": "1.3"}],
}

spdx := {
	"spdxVersion": "SPDX-2.3",
	"creationInfo": {"created": "2026-11-01T00:00:00Z"},
	"packages": [{"name": "zlib", "versionInfo": "1.3"}],
}

now := time.parse_rfc3339_ns("2026-11-24T12:00:00Z")

denied(sbom, max_age) := {d |
	some d in sbom_present.deny with input.sbom as sbom
		with data.params as {"max_age": max_age}
		with time.now_ns as now
}

test_passes if {
	every sbom in [cyclonedx, spdx] {
		denied(sbom, "0h") == set()
		denied(sbom, "600h") == set()
	}
}

test_denies_an_old_one if {
	denied(spdx, "24h") == {"the SBOM is of 2026-11-01T00:00:00Z, which is more than 24h ago"}
}

test_denies_one_of_the_future if {
	denied(object.union(cyclonedx, {"metadata": {"timestamp": "2026-11-24T12:11:00Z"}}), "0h") == {"the SBOM says that it was made in the future, at 2026-11-24T12:11:00Z"}
}

test_denies_one_without_a_time if {
	denied(object.union(cyclonedx, {"metadata": {"timestamp": null}}), "0h") == {"the SBOM does not say when it was made"}
	denied(object.remove(spdx, ["creationInfo"]), "0h") == {"the SBOM does not say when it was made"}
}

test_denies_an_empty_one if {
	denied({}, "0h") == {"the SBOM is neither CycloneDX nor SPDX 2"}
	denied({"bomFormat": "CycloneDX"}, "0h") == {"the SBOM names no component", "the SBOM does not say when it was made"}
	denied(object.union(spdx, {"packages": [{"name": "app", "primaryPackagePurpose": "CONTAINER"}]}), "0h") == {"the SBOM names no component"}
	denied(object.union(cyclonedx, {"components": [{"type": "file", "name": "/bin/sh"}]}), "0h") == {"the SBOM names no component"}
}

test_denies_another_version if {
	denied({"spdxVersion": "SPDX-3.0"}, "0h") == {"the SBOM is neither CycloneDX nor SPDX 2"}
}
