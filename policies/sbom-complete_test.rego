package hallmark.sbom_complete_test

import data.hallmark.messages_test
import data.hallmark.sbom_complete

# What TR-03183-2 asks for is all there.
cyclonedx := {
	"bomFormat": "CycloneDX",
	"serialNumber": "urn:uuid:3e9b5037-f093-81d0-b976-2b257c2d1f9d",
	"metadata": {
		"timestamp": "2026-11-01T00:00:00Z",
		"authors": [{"name": "Ada", "email": "ada@example.com"}],
	},
	"components": [{
		"type": "library", "name": "zlib", "version": "1.3", "purl": "pkg:deb/debian/zlib@1.3",
		"supplier": {"name": "Debian", "url": ["https://debian.example"]},
		"licenses": [{"license": {"id": "Zlib"}}],
		"hashes": [{"alg": "SHA-512", "content": concat("", [c | some _ in numbers.range(1, 128); c := "a"])}],
		"properties": [
			{"name": "bsi:component:filename", "value": "libz.so"},
			{"name": "bsi:component:executable", "value": "executable"},
			{"name": "bsi:component:archive", "value": "no archive"},
			{"name": "bsi:component:structured", "value": "structured"},
		],
	}],
	"dependencies": [{"ref": "a", "dependsOn": ["b"]}],
}

spdx := {
	"spdxVersion": "SPDX-2.3",
	"documentNamespace": "https://example.com/spdx/1",
	"creationInfo": {"created": "2026-11-01T00:00:00Z", "creators": ["Organization: Example (sbom@example.com)"]},
	"packages": [{
		"name": "zlib", "versionInfo": "1.3", "supplier": "Organization: Debian (debian@example.com)", "packageFileName": "libz.so",
		"externalRefs": [{"referenceType": "purl", "referenceLocator": "pkg:deb/debian/zlib@1.3"}],
		"checksums": [{"algorithm": "SHA256", "checksumValue": "aa"}],
		"licenseConcluded": "NOASSERTION", "licenseDeclared": "Zlib",
	}],
	"relationships": [{"relationshipType": "DESCRIBES"}],
}

every_element := object.keys(sbom_complete.of_component) | object.keys(sbom_complete.of_document)

denied(sbom, elements) := {messages_test.message(d) |
	some d in sbom_complete.deny with input.sbom as sbom with data.params as {"deny_on": elements, "warn_on": []}
}

test_passes if {
	denied(cyclonedx, [e | some e in every_element]) == set()
	denied(spdx, [e | some e in every_element - {"sha512", "executable", "archive", "structured"}]) == set()
}

test_a_tool_is_an_author if {
	every tools in [{"components": [{"name": "syft"}]}, [{"name": "syft"}]] {
		denied(object.union(object.remove(cyclonedx, ["metadata"]), {"metadata": {"tools": tools}}), ["author"]) == set()
	}
}

test_an_empty_component_lacks_everything if {
	bare := object.union(cyclonedx, {"components": [{"type": "library"}]})
	count(denied(bare, [e | some e in object.keys(sbom_complete.of_component)])) == count(sbom_complete.of_component)
	denied(bare, ["name"]) == {"1 of 1 components have no name: a component without a name"}
	denied(bare, ["sha512"]) == {"1 of 1 components have no hash of SHA-512: a component without a name"}
}

test_names_some if {
	many := object.union(cyclonedx, {"components": [{"type": "library", "name": sprintf("p%d", [i])} | some i in numbers.range(1, 7)]})
	denied(many, ["version"]) == {"7 of 7 components have no version: p1, p2, p3, p4, p5 and 2 more"}
}

test_components_of_components_count if {
	deep := object.union(cyclonedx, {"components": [object.union(cyclonedx.components[0], {"components": [{
		"type": "library", "name": "inner", "version": "1",
		"components": [{"type": "library", "name": "innermost", "version": "1"}],
		"properties": [{"name": "type", "value": "no component"}],
	}]})]})
	denied(deep, ["identifier"]) == {"2 of 3 components have no identifier (package URL, CPE or SWID): inner 1, innermost 1"}
}

test_an_empty_document_lacks_everything if {
	bare := {"bomFormat": "CycloneDX", "components": cyclonedx.components}
	denied(bare, ["dependencies", "author", "timestamp", "contact", "address"]) == {
		"the SBOM has no dependencies", "the SBOM has no author", "the SBOM has no time",
		"the SBOM has no author with an address", "the SBOM has no identifier of its own",
	}
	denied({"bomFormat": "CycloneDX"}, ["name"]) == {"the SBOM names no component"}
	denied({}, ["name"]) == {"the SBOM is neither CycloneDX nor SPDX 2"}
}

test_denies_elements_that_are_none if {
	denied(cyclonedx, ["nmae"]) == {"nmae is no element of an SBOM"}
}

test_warns if {
	sbom_complete.warn == {{"id": "supplier", "msg": "1 of 1 components have no supplier: zlib 1.3"}} with input.sbom as {
		"bomFormat": "CycloneDX",
		"components": [{"type": "library", "name": "zlib", "version": "1.3"}],
	}
		with data.params as {"deny_on": ["name"], "warn_on": ["supplier"]}
}
