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
