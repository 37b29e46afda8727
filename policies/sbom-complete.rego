# METADATA
# title: The SBOM says what it has to
# description: >-
#   Every component has what the minimum elements of NTIA ask for: name, version, an identifier; and the SBOM itself has an author and
#   a time. An SBOM that leaves them out cannot be matched with an advisory. What else is asked for, such as the fields of BSI
#   TR-03183-2, is a parameter. Of suppliers and of which component
#   needs which it warns: for most packages in an image nobody knows.
# custom:
#   severity: medium
#   fix: make the SBOM with a tool that knows the field, or ask for less by deny_on and warn_on
#   controls:
#     - {framework: OWASP SCVS, control: "1.7"}
#     - {framework: OWASP SCVS, control: "2.11"}
#     - {framework: OWASP SCVS, control: "2.12"}
#     - {framework: NIST SSDF, control: PS.3.2}
#     - {framework: EU CRA, control: II (1)}
#   params:
#     deny_on:
#       default: [name, version, identifier, author, timestamp]
#       description: "the elements that must not be missing. Of components: name, version, identifier, supplier, licence, hash, sha512, creator, filename, executable, archive, structured. Of the SBOM: dependencies, author, timestamp, contact, address. TR-03183-2 asks for all but supplier and hash"
#     warn_on:
#       default: [supplier, dependencies]
#       empty: true
#       description: "the elements that are warned about; [] is none"
package hallmark.sbom_complete

import data.hallmark.lib.sboms
import data.hallmark.lib.texts

deny contains "the SBOM is neither CycloneDX nor SPDX 2" if {
	input.sbom
	not sboms.format
}

deny contains "the SBOM names no component" if count(sboms.parts) == 0

deny contains {"msg": lack(element), "id": element} if some element in data.params.deny_on

warn contains {"msg": lack(element), "id": element} if some element in data.params.warn_on

deny contains {"msg": sprintf("%v is no element of an SBOM", [element]), "fix": "correct deny_on and warn_on"} if {
	some element in array.concat(data.params.deny_on, data.params.warn_on)
	not element in object.keys(of_component) | object.keys(of_document)
}

# The elements, and how sentences call them.
of_component := {
	"name": "name", "version": "version", "identifier": "identifier (package URL, CPE or SWID)", "supplier": "supplier",
	"licence": "licence", "hash": "hash", "sha512": "hash of SHA-512", "creator": "creator with an address",
	"filename": "file name", "executable": "word on whether it is executable", "archive": "word on whether it is an archive",
	"structured": "word on whether it is structured",
}

of_document := {
	"dependencies": "dependencies", "author": "author", "timestamp": "time", "contact": "author with an address",
	"address": "identifier of its own",
}

lack(element) := sprintf("%d of %d components have no %s: %s", [count(bare), count(sboms.parts), of_component[element], texts.list(bare)]) if {
	bare := [sboms.label(c) | some c in sboms.parts; not has(element, c)]
	of_component[element]
	count(bare) > 0
}

lack(element) := sprintf("the SBOM has no %s", [of_document[element]]) if not says(element)

has("name", c) if texts.says(c.name)

has("version", c) if sboms.version(c)

has("identifier", c) if count(sboms.identifiers(c)) > 0

has("supplier", c) if count(suppliers(c)) > 0

has("licence", c) if count(sboms.licences(c)) > 0

has("hash", c) if count(hashes(c)) > 0

has("sha512", c) if {
	some hash in hashes(c)
	count(hash) == 128
}

has("creator", c) if {
	some who in suppliers(c)
	regex.match(`@|://`, who)
}

has("filename", c) if texts.says(property(c, "filename"))

has("filename", c) if texts.says(c.packageFileName)

has(element, c) if {
	element in {"executable", "archive", "structured"}
	texts.says(property(c, element))
}

# suppliers are the names and addresses of who made or supplies a component.
suppliers(c) := {text |
	some role in ["supplier", "manufacturer"]
	some text in array.concat(
		array.concat([object.get(c, [role, "name"], "")], object.get(c, [role, "url"], [])),
		[object.get(contact, "email", "") | some contact in object.get(c, [role, "contact"], [])],
	)
	texts.says(text)
} | {text | some role in ["publisher", "author", "supplier", "originator"]; text := c[role]; texts.says(text)}

hashes(c) := {h.content | some h in c.hashes; texts.says(h.content)} |
	{h.content | some r in c.externalReferences; r.type == "distribution"; some h in r.hashes; texts.says(h.content)} |
	{h.checksumValue | some h in c.checksums; texts.says(h.checksumValue)}

# property is a value of BSI's own properties in CycloneDX.
property(c, name) := p.value if {
	some p in c.properties
	p.name == sprintf("bsi:component:%s", [name])
}

says("dependencies") if count(input.sbom.dependencies) > 0

says("dependencies") if count(input.sbom.relationships) > 0

says("author") if count(authors) > 0

says("timestamp") if texts.says(sboms.timestamp)

says("contact") if {
	some author in authors
	regex.match(`@|://`, author)
}

says("address") if texts.says(input.sbom.serialNumber)

says("address") if texts.says(input.sbom.documentNamespace)

says(element) if not of_document[element]

authors := {text |
	some text in array.concat(
		[object.get(a, key, "") | some a in object.get(input.sbom, ["metadata", "authors"], []); some key in ["name", "email"]],
		object.get(input.sbom, ["creationInfo", "creators"], []),
	)
	texts.says(text)
} | suppliers(object.get(input.sbom, "metadata", {})) | tools

tools := {tool.name | some tool in input.sbom.metadata.tools.components; texts.says(tool.name)} |
	{tool.name | some tool in input.sbom.metadata.tools; texts.says(tool.name)}
