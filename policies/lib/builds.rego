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

# ours holds for provenance that Hallmark made, whose fields docs/evidence/provenance.md
# describes. Only of that is it known what it has to say.
ours if definition.buildType == "https://hallmark-ci.github.io/build/ci-job/v1"

# head is whose change was built, {repository, ref, commit}; undefined where our
# provenance does not say it, or says that it is unknown.
head := named if {
	ours
	named := definition.externalParameters.head
	is_object(named)
	not texts.says(object.get(named, "unknown", ""))
	texts.says(named.repository)
	texts.says(named.commit)
}

# fork holds if the change is said to come from another repository.
fork if {
	ours
	definition.externalParameters.request.fork == true
}

# request is the number of the pull or merge request that was built for, of which
# the source's ref may be the target's.
request := object.get(definition.externalParameters.request, "number", "") if {
	ours
	is_object(definition.externalParameters.request)
}

workspace := definition.internalParameters.workspace if ours

# source is what was built, {repository, ref}: as the workflow, the job or the
# first material says.
source := {"repository": tidy(definition.externalParameters.repository), "ref": object.get(definition.externalParameters, "ref", "")} if {
	ours
	texts.says(definition.externalParameters.repository)
} else := {"repository": tidy(workflow.repository), "ref": object.get(workflow, "ref", "")} if {
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
repositories contains source.repository

repositories contains p.repository if some p in parsed

repositories contains tidy(head.repository)

# refs are what was built in them.
refs contains source.ref

refs contains head.ref

of_job(variables) := sprintf("refs/heads/%s", [variables.CI_COMMIT_BRANCH]) if {
	texts.says(variables.CI_COMMIT_BRANCH)
} else := sprintf("refs/tags/%s", [variables.CI_COMMIT_TAG]) if {
	texts.says(variables.CI_COMMIT_TAG)
} else := ""

parse(uri) := {"repository": tidy(found[0][1]), "ref": found[0][2]} if {
	found := regex.find_all_string_submatch_n(`^(?:git\+)?(.+?)(?:[@#](refs/.+|[0-9a-f]{40,64}))?$`, uri, 1)
	count(found) == 1
}

tidy(repository) := trim_suffix(trim_suffix(trim_prefix(repository, "git+"), "/"), ".git")

# branch returns the name of a ref that is a branch.
branch(ref) := trim_prefix(ref, "refs/heads/") if startswith(ref, "refs/heads/")
