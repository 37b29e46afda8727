package hallmark.licences_test

import data.hallmark.licences
import data.hallmark.messages_test

component(licence) := {"type": "library", "name": "p", "version": "1", "purl": "pkg:npm/p@1", "licenses": [{"license": {"id": licence}}]}

expression(text) := {"type": "library", "name": "p", "version": "1", "licenses": [{"expression": text}]}

bare := {"type": "library", "name": "q", "version": "2", "purl": "pkg:npm/q@2"}

cyclonedx(components) := {"bomFormat": "CycloneDX", "components": components}

spdx(concluded, declared) := {"spdxVersion": "SPDX-2.3", "packages": [{
	"name": "p", "versionInfo": "1",
	"licenseConcluded": concluded, "licenseDeclared": declared,
}]}

denied(sbom, params) := {messages_test.message(d) |
	some d in licences.deny with input.sbom as sbom
		with data.params as object.union({"denied": ["AGPL-*", "GPL-3.0-only"], "allowed": [], "unknown": "deny", "except": []}, params)
}

test_passes if {
	denied(cyclonedx([component("MIT")]), {}) == set()
	denied(cyclonedx([component("mit")]), {"denied": [], "allowed": ["MIT"]}) == set()
	denied(cyclonedx([expression("GPL-3.0-only OR MIT")]), {}) == set()
	denied(cyclonedx([expression("(MIT OR Apache-2.0) AND BSD-3-Clause")]), {}) == set()
	denied(cyclonedx([expression("GPL-2.0-only WITH Classpath-exception-2.0")]), {"denied": [], "allowed": ["GPL-2.0-only"]}) == set()
	denied(spdx("MIT", "NOASSERTION"), {}) == set()
	denied(spdx("NOASSERTION", "MIT"), {}) == set()
}

test_denies if {
	denied(cyclonedx([component("MIT"), component("agpl-3.0-or-later")]), {}) == {"the licence agpl-3.0-or-later is not allowed"}
	denied(cyclonedx([component("Zlib")]), {"denied": [], "allowed": ["MIT"]}) == {"the licence Zlib is not allowed"}
	denied(cyclonedx([expression("MIT AND AGPL-3.0-only")]), {}) == {"the licence MIT AND AGPL-3.0-only is not allowed"}
	denied(cyclonedx([expression("(MIT OR AGPL-3.0-only)")]), {}) == {"the licence (MIT OR AGPL-3.0-only) is not allowed"}
	denied(cyclonedx([expression("GPL-3.0-only WITH GCC-exception-3.1")]), {}) == {"the licence GPL-3.0-only WITH GCC-exception-3.1 is not allowed"}
	denied(spdx("AGPL-3.0-only", "MIT"), {}) == {"the licence AGPL-3.0-only is not allowed"}
}

test_a_component_without_a_licence if {
	denied(cyclonedx([component("MIT"), bare]), {}) == {"1 of 2 components have no licence: q 2"}
	denied(cyclonedx([component("MIT"), bare]), {"unknown": "warn"}) == set()
	denied(cyclonedx([component("MIT"), bare]), {"except": ["pkg:npm/q@*"]}) == set()
	denied(cyclonedx([bare]), {"unknown": "warn"}) == {"no component has a licence: the SBOM was made by a tool that does not look for them"}
	denied(spdx("NONE", "NOASSERTION"), {}) == {
		"1 of 1 components have no licence: p 1",
		"no component has a licence: the SBOM was made by a tool that does not look for them",
	}
	licences.warn == {{"id": "unknown", "msg": "1 of 1 components have no licence: q 2"}} with input.sbom as cyclonedx([bare])
		with data.params as {"unknown": "warn", "except": []}
}

test_denies_an_empty_one if {
	denied({}, {}) == {"the SBOM is neither CycloneDX nor SPDX 2"}
	"the SBOM names no component" in denied(cyclonedx([]), {})
}

test_undecided_without_a_list if {
	licences.undecided == {{"msg": "neither denied nor allowed names a license", "fix": "set one of the parameters"}} with input.sbom as cyclonedx([component("MIT")])
		with data.params as {"denied": [], "allowed": [], "unknown": "deny", "except": []}
	licences.undecided == set() with data.params as {"denied": [], "allowed": ["MIT"]}
}
