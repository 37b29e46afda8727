package hallmark.trusted_builder_test

import data.hallmark.messages_test
import data.hallmark.trusted_builder

github := {
	"buildDefinition": {
		"externalParameters": {"workflow": {"repository": "https://github.com/example/app", "ref": "refs/heads/main", "path": "ci.yml"}},
		"resolvedDependencies": [
			{"uri": "git+https://github.com/example/app@refs/heads/main", "digest": {"gitCommit": "a"}},
			{"uri": "pkg:docker/debian@12"},
		],
	},
	"runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
}

gitlab(variables) := {
	"buildDefinition": {"externalParameters": {"source": "https://github.com/example/app.git", "variables": variables}},
	"runDetails": {"builder": {"id": "https://github.com/actions/runner/1"}},
}

older := {
	"builder": {"id": "https://github.com/actions/runner/1"},
	"invocation": {"configSource": {"uri": "git+https://github.com/example/app@refs/heads/main"}},
	"materials": [{"uri": "git+https://github.com/example/app@refs/heads/main"}],
}

buildkit := {
	"builder": {"id": "https://github.com/actions/runner/1"},
	"materials": [{"uri": "git+ssh://git@github.com/example/app#refs/heads/main"}],
}

denied(provenance, branches) := {messages_test.message(d) |
	some d in trusted_builder.deny with input.provenance as provenance
		with data.params as {
			"builders": ["https://github.com/actions/runner/*"],
			"repositories": ["https://github.com/example/*", "ssh://git@github.com/example/*"],
			"branches": branches,
		}
}

test_passes if {
	every provenance in [github, gitlab({"CI_COMMIT_BRANCH": "main"}), older, buildkit] {
		denied(provenance, []) == set()
		denied(provenance, ["main", "release-*"]) == set()
	}
	denied(gitlab({"CI_COMMIT_TAG": "v1"}), []) == set()
}

test_denies_another_builder if {
	denied(object.union(github, {"runDetails": {"builder": {"id": "https://laptop.example"}}}), []) == {"built by https://laptop.example, which is not trusted"}
}

test_denies_another_repository if {
	denied(json.patch(github, [{"op": "replace", "path": "/buildDefinition/externalParameters/workflow/repository", "value": "https://github.com/eve/app"}]), []) == {"built from https://github.com/eve/app, which is not allowed"}
	denied(json.patch(github, [{"op": "replace", "path": "/buildDefinition/resolvedDependencies/0/uri", "value": "git+https://github.com/eve/app"}]), []) == {"built from https://github.com/eve/app, which is not allowed"}
}

test_denies_another_branch if {
	denied(github, ["release-*"]) == {`built from "refs/heads/main", which is no branch that is allowed`}
	denied(gitlab({"CI_COMMIT_TAG": "v1"}), ["*"]) == {`built from "refs/tags/v1", which is no branch that is allowed`}
	denied(gitlab({}), ["*"]) == {`built from "", which is no branch that is allowed`}
}

test_denies_an_empty_one if {
	denied({}, ["main"]) == {"the provenance names no builder", "the provenance does not say what was built"}
	denied({"buildDefinition": {}, "runDetails": {"builder": {"id": ""}}}, []) == {"the provenance names no builder", "the provenance does not say what was built"}
}

# As Hallmark makes it in a job of GitHub's.
made := {
	"buildDefinition": {
		"buildType": "https://hallmark-ci.github.io/build/ci-job/v1",
		"externalParameters": {
			"repository": "https://github.com/example/app", "ref": "refs/heads/main", "branch": "main",
			"head": {"repository": "https://github.com/example/app", "ref": "refs/heads/main", "commit": "a"},
		},
		"internalParameters": {"workspace": {"git": true, "head": "a", "atCommit": "yes"}},
		"resolvedDependencies": [{"name": "source", "uri": "git+https://github.com/example/app@refs/heads/main", "digest": {"gitCommit": "a"}}],
	},
	"runDetails": {"builder": {"id": "https://github.com/actions/runner/github-hosted"}},
}

changed(path, value) := json.patch(made, [{"op": "add", "path": sprintf("/buildDefinition/%s", [path]), "value": value}])

unknown(provenance, params) := {messages_test.message(d) |
	some d in trusted_builder.undecided with input.provenance as provenance
		with data.params as object.union({"builders": ["*"], "repositories": ["*"], "branches": []}, params)
}

test_passes_what_is_made_here if {
	denied(made, ["main"]) == set()
	unknown(made, {}) == set()
	denied(changed("externalParameters/head/repository", "https://github.com/example/app.git"), ["main"]) == set()
}

test_denies_a_fork if {
	fork := {"repository": "https://github.com/eve/app", "ref": "refs/heads/main", "commit": "b"}
	denied(changed("externalParameters/head", fork), ["main"]) == {"built from https://github.com/eve/app, which is not allowed"}
	denied(changed("externalParameters/request", {"number": "7", "fork": true}), []) == set()
	gone := json.patch(changed("externalParameters/request", {"number": "7", "fork": true}), [{
		"op": "replace", "path": "/buildDefinition/externalParameters/head",
		"value": {"unknown": "it is gone"},
	}])
	denied(gone, []) == {"built from a fork, and the provenance does not say which"}
	unknown(gone, {}) == set()
}

test_denies_another_commit if {
	denied(changed("internalParameters/workspace", {"git": true, "head": "c", "atCommit": "no"}), []) == {"the workspace was at the commit c, which is none that the provenance names"}
}

test_undecided_about_what_is_unknown if {
	unknown(changed("externalParameters/head", {"unknown": "no event"}), {}) == {"the provenance does not say whose change was built: no event"}
	unknown(json.remove(made, ["buildDefinition/externalParameters/head"]), {}) == {"the provenance does not say whose change was built: it has no field head"}
	unknown(changed("externalParameters/head", "main"), {}) == {"the provenance does not say whose change was built: it has no field head"}
	unknown(changed("externalParameters/head/commit", ""), {}) == {"the provenance does not say whose change was built: it has no field head"}

	workspace := "the provenance does not say whether the workspace was at the commit that it names"
	every w in [{}, {"git": true, "atCommit": "unknown"}, {"git": true, "head": "a"}, {"git": false, "atCommit": "unknown"}] {
		unknown(changed("internalParameters/workspace", w), {}) == {workspace}
	}
	unknown(json.remove(made, ["buildDefinition/internalParameters"]), {}) == {workspace}
	unknown(changed("internalParameters/workspace", {"git": false, "atCommit": "unknown"}), {"unknown_workspace": true}) == set()
	unknown(changed("internalParameters/workspace", {"git": true, "atCommit": "unknown"}), {"unknown_workspace": true}) == {workspace}
}

# A request can run on its target's ref, and come from a branch of the same name.
test_denies_a_request_where_branches_are_named if {
	request := changed("externalParameters/request", {"number": "7", "fork": false})
	denied(request, ["main"]) == {"built for the request 7, which is no branch"}
	denied(request, []) == set()
	denied(changed("externalParameters/head/ref", "refs/heads/feature"), ["main"]) == {`built from "refs/heads/feature", which is no branch that is allowed`}
	denied(json.remove(made, ["buildDefinition/externalParameters/head/ref"]), ["main"]) == {"the provenance does not say which branch the change comes from"}
	denied(changed("externalParameters/ref", "refs/pull/7/merge"), ["main"]) == {`built from "refs/pull/7/merge", which is no branch that is allowed`}
}

# The name of a branch can hold what looks like another's.
test_denies_a_branch_that_ends_in_another if {
	uri := "git+https://github.com/example/app@refs/heads/x@refs/heads/main"
	buildkit_of_x := {"builder": {"id": "https://github.com/actions/runner/1"}, "materials": [{"uri": uri}]}
	denied(buildkit_of_x, ["main"]) == {`built from "refs/heads/x@refs/heads/main", which is no branch that is allowed`}
}

# What another builder's provenance does not say is no mismatch.
test_asks_nobody_else if {
	every provenance in [github, gitlab({}), older, buildkit] {
		unknown(provenance, {}) == set()
	}
}
