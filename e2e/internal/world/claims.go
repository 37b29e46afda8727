package world

const (
	owner      = "hallmark-ci"
	repository = owner + "/sample"
	workflow   = repository + "/.github/workflows/build.yml@refs/heads/main"
	pipeline   = "gitlab.com/" + repository + "//.gitlab-ci.yml@refs/heads/main"
	commit     = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
)

// githubClaims are those of a job that a push has started.
func githubClaims(audience string) map[string]any {
	return map[string]any{
		"aud":                   audience,
		"sub":                   "repo:" + repository + ":ref:refs/heads/main",
		"actor":                 "octocat",
		"actor_id":              "583231",
		"base_ref":              "",
		"event_name":            "push",
		"head_ref":              "",
		"job_workflow_ref":      workflow,
		"job_workflow_sha":      commit,
		"ref":                   "refs/heads/main",
		"ref_protected":         "true",
		"ref_type":              "branch",
		"repository":            repository,
		"repository_id":         "1296269",
		"repository_owner":      owner,
		"repository_owner_id":   "9919",
		"repository_visibility": "public",
		"run_attempt":           "1",
		"run_id":                "30433642",
		"run_number":            "562",
		"runner_environment":    "github-hosted",
		"sha":                   commit,
		"workflow":              "build",
		"workflow_ref":          workflow,
		"workflow_sha":          commit,
	}
}

// gitlabClaims are those of a job that a push has started.
func gitlabClaims() map[string]any {
	return map[string]any{
		"aud":                "sigstore",
		"sub":                "project_path:" + repository + ":ref_type:branch:ref:main",
		"ci_config_ref_uri":  pipeline,
		"ci_config_sha":      commit,
		"job_id":             "7351",
		"namespace_id":       "72",
		"namespace_path":     owner,
		"pipeline_id":        "574",
		"pipeline_source":    "push",
		"project_id":         "20",
		"project_path":       repository,
		"project_visibility": "public",
		"ref":                "main",
		"ref_path":           "refs/heads/main",
		"ref_protected":      "true",
		"ref_type":           "branch",
		"runner_environment": "gitlab-hosted",
		"runner_id":          12,
		"sha":                commit,
		"user_email":         "octocat@example.com",
		"user_id":            "1",
		"user_login":         "octocat",
	}
}
