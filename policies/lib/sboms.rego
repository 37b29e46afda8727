# Shared rules about SBOMs in CycloneDX and SPDX 2.
package hallmark.lib.sboms

import data.hallmark.lib.texts

format := "CycloneDX" if input.sbom.bomFormat == "CycloneDX"

else := "SPDX" if startswith(input.sbom.spdxVersion, "SPDX-2.")

# timestamp is when the SBOM says that it was made, or nothing.
timestamp := object.get(input.sbom, ["metadata", "timestamp"], "") if format == "CycloneDX"

timestamp := object.get(input.sbom, ["creationInfo", "created"], "") if format == "SPDX"

# parts are the components: what is neither the image itself, nor its operating
# system, nor a single file.
parts := [c |
	some c in array.concat(object.get(input.sbom, "components", []), nested)
	not object.get(c, "type", "") in {"container", "operating-system", "file"}
] if {
	format == "CycloneDX"
}

parts := [p |
	some p in object.get(input.sbom, "packages", [])
	not object.get(p, "primaryPackagePurpose", "") in {"CONTAINER", "OPERATING-SYSTEM"}
] if {
	format == "SPDX"
}

# nested are the components of components, at any depth.
nested := [c |
	some top in input.sbom.components
	walk(top.components, [path, c])
	count(path) % 2 == 1
	every i, step in path { even(i, step) }
]

even(i, _) if i % 2 == 0

even(i, "components") if i % 2 == 1

# system is the operating system that the SBOM names; SPDX has it only in the package
# URLs of its packages. Two that differ are an error: nothing is decided.
system := {"name": lower(c.name), "version": object.get(c, "version", "")} if {
	some c in input.sbom.components
	c.type == "operating-system"
	texts.says(c.name)
} else := {"name": lower(p.name), "version": object.get(p, "versionInfo", "")} if {
	some p in input.sbom.packages
	p.primaryPackagePurpose == "OPERATING-SYSTEM"
	texts.says(p.name)
} else := {"name": found[0][1], "version": urlquery.decode(found[0][2])} if {
	some c in parts
	some id in identifiers(c)
	found := regex.find_all_string_submatch_n(`^pkg:[^?]*[?](?:[^#]*&)?distro=([a-z][a-z0-9_-]*?)-([0-9][^&#]*)`, id, 1)
	count(found) == 1
}

version(c) := c.version if texts.says(c.version)

else := c.versionInfo if texts.says(c.versionInfo)

# label names a component with its version.
label(c) := sprintf("%s %s", [c.name, version(c)]) if version(c)

else := c.name if texts.says(c.name)

else := "a component without a name"

# identifiers are the package URLs and the like that tell which component it is.
identifiers(c) := {id | some id in [object.get(c, "purl", ""), object.get(c, "cpe", ""), object.get(c, ["swid", "tagId"], "")]; texts.says(id)} |
	{ref.referenceLocator | some ref in c.externalRefs; texts.says(ref.referenceLocator)}

# licences are the SPDX ids, expressions and names of a component's licences, all of
# which hold.
licences(c) := cyclonedx_licences(c) if format == "CycloneDX"

licences(c) := {c.licenseConcluded} if {
	format == "SPDX"
	texts.says(c.licenseConcluded)
} else := {c.licenseDeclared} if {
	format == "SPDX"
	texts.says(c.licenseDeclared)
} else := set() if {
	format == "SPDX"
}

cyclonedx_licences(c) := {text |
	some l in c.licenses
	some text in [object.get(l, "expression", ""), object.get(l, ["license", "id"], ""), object.get(l, ["license", "name"], "")]
	texts.says(text)
}
