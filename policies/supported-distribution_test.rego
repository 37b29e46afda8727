package hallmark.supported_distribution_test

import data.hallmark.messages_test
import data.hallmark.supported_distribution

cyclonedx(name, version) := {"bomFormat": "CycloneDX", "components": [
	{"type": "operating-system", "name": name, "version": version},
	{"type": "library", "name": "zlib"},
]}

spdx := {"spdxVersion": "SPDX-2.3", "packages": [
	{"name": "Ubuntu", "versionInfo": "24.04", "primaryPackagePurpose": "OPERATING-SYSTEM"},
	{"name": "zlib"},
]}

by_packages(distro) := {"spdxVersion": "SPDX-2.3", "packages": [
	{"name": "app"},
	{"name": "zlib", "externalRefs": [{"referenceType": "purl", "referenceLocator": sprintf("pkg:deb/debian/zlib@1?arch=amd64&distro=%s&upstream=z", [distro])}]},
]}

params := {"releases": {}, "warn_before": "2160h", "allow_none": false}

denied(sbom, more) := {messages_test.message(d) |
	some d in supported_distribution.deny with input.sbom as sbom
		with data.params as object.union(params, more)
		with time.now_ns as time.parse_rfc3339_ns("2026-11-24T12:00:00Z")
}

warned(sbom) := {d.msg |
	some d in supported_distribution.warn with input.sbom as sbom
		with data.params as params
		with time.now_ns as time.parse_rfc3339_ns("2026-11-24T12:00:00Z")
}

test_passes if {
	every sbom in [cyclonedx("debian", "12"), cyclonedx("alpine", "3.22.1"), cyclonedx("rocky", "9.4"), cyclonedx("wolfi", "20230201"), spdx] {
		denied(sbom, {}) == set()
		warned(sbom) == set()
	}
}

test_denies_what_has_ended if {
	denied(cyclonedx("debian", "11"), {}) == {"debian 11 ended on 2026-08-31"}
	denied(cyclonedx("alpine", "3.20.3"), {}) == {"alpine 3.20.3 ended on 2026-04-01"}
}

test_reads_package_urls if {
	denied(by_packages("debian-12"), {}) == set()
	denied(by_packages("debian-11"), {}) == {"debian 11 ended on 2026-08-31"}
	denied(by_packages("opensuse-leap-15.6"), {}) == {"opensuse-leap 15.6 ended on 2026-04-30"}
	denied(by_packages("none"), {}) == {"the SBOM names no operating system"}
}

test_warns_ahead if warned(cyclonedx("fedora", "43")) == {"fedora 43 ends on 2026-12-09"}

test_denies_what_is_not_known if {
	denied(cyclonedx("debian", "trixie/sid"), {}) == {"when debian trixie/sid ends is not known (table of 2026-08-22)"}
	denied(cyclonedx("homegrown", ""), {}) == {"when homegrown  ends is not known (table of 2026-08-22)"}
}

test_releases_come_first if {
	denied(cyclonedx("debian", "11"), {"releases": {"debian": {"11": "2031-06-30"}}}) == set()
	denied(cyclonedx("homegrown", "1"), {"releases": {"homegrown": {"1": "2020-01-01"}}}) == {"homegrown 1 ended on 2020-01-01"}
	denied(cyclonedx("homegrown", "1"), {"releases": {"homegrown": {"1": "never"}}}) == {"the end of homegrown 1 is never, which is no day"}
	denied(cyclonedx("debian", "12"), {"warn_before": "soon"}) == {"warn_before is soon, which is no duration such as 2160h"}
}

test_an_image_without_a_distribution if {
	none := {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "app"}]}
	denied(none, {}) == {"the SBOM names no operating system"}
	denied(none, {"allow_none": true}) == set()
}

test_denies_an_empty_one if {
	denied({}, {}) == {"the SBOM is neither CycloneDX nor SPDX 2"}
	denied({"bomFormat": "CycloneDX"}, {}) == {"the SBOM names no component", "the SBOM names no operating system"}
}
