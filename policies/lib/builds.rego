# Shared rules about SLSA provenance, versions 1 and 0.2.
package hallmark.lib.builds

import data.hallmark.lib.texts

builder := input.provenance.runDetails.builder.id if {
	texts.says(input.provenance.runDetails.builder.id)
} else := input.provenance.builder.id if {
	texts.says(input.provenance.builder.id)
}

definition := object.get(input.provenance, "buildDefinition", {})

# materials are what went into the build: {uri, digest}.
materials := array.concat(
	object.get(definition, "resolvedDependencies", []),
	object.get(input.provenance, "materials", []),
)

# source is what was built, {repository, ref}: as the workflow, the job or the
# first material says.
source := {"repository": tidy(workflow.repository), "ref": object.get(workflow, "ref", "")} if {
	workflow := definition.externalParameters.workflow
	texts.says(workflow.repository)
} else := {"repository": tidy(definition.externalParameters.source), "ref": ref} if {
	texts.says(definition.externalParameters.source)
	ref := of_job(object.get(definition.externalParameters, "variables", {}))
} else := parse(input.provenance.invocation.configSource.uri) if {
	texts.says(input.provenance.invocation.configSource.uri)
} else := parsed[0]

parsed := [parse(m.uri) | some m in materials; startswith(m.uri, "git+")]

# repositories are all that source code came from.
repositories := {source.repository} | {p.repository | some p in parsed}

of_job(variables) := sprintf("refs/heads/%s", [variables.CI_COMMIT_BRANCH]) if {
	texts.says(variables.CI_COMMIT_BRANCH)
} else := sprintf("refs/tags/%s", [variables.CI_COMMIT_TAG]) if {
	texts.says(variables.CI_COMMIT_TAG)
} else := ""

parse(uri) := {"repository": tidy(found[0][1]), "ref": found[0][2]} if {
	found := regex.find_all_string_submatch_n(`^(?:git\+)?(.+?)(?:[@#](refs/[^@#]+|[0-9a-f]{40,64}))?$`, uri, 1)
	count(found) == 1
}

tidy(repository) := trim_suffix(trim_suffix(trim_prefix(repository, "git+"), "/"), ".git")

branch := trim_prefix(source.ref, "refs/heads/") if startswith(source.ref, "refs/heads/")
