package cli

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/policies"
)

// policies reads and compiles what the input policy names.
func (a *app) policies(ctx context.Context, v values) ([]policy.Policy, error) {
	return a.compiled(ctx, v, v.list("policy"))
}

// compiled reads and compiles policies from where they are.
func (a *app) compiled(ctx context.Context, v values, named []string) ([]policy.Policy, error) {
	found, err := a.gatherPolicies(ctx, v, named)
	if err != nil {
		return nil, err
	}
	all := policy.CompileContext(ctx, found.files, found.setting)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 && len(found.files) > 0 {
		return nil, fault.Undecidedf("loading policies from %s: there are shared rules (hallmark.lib) and no policy", strings.Join(named, ", "))
	}
	return all, policy.CheckParams(all, found.setting)
}

// maxPolicyData bounds the file of parameters, in bytes.
const maxPolicyData = 1 << 20

// policySetting reads the parameters of policies, and the controls that they may
// claim.
func policySetting(v values) (policy.Setting, error) {
	text, err := policies.Controls()
	if err != nil {
		return policy.Setting{}, err
	}
	setting := policy.Setting{}
	if setting.Controls, err = policy.ParseControls(text); err != nil {
		return policy.Setting{}, err
	}
	path := v.text("policy-data")
	if path == "" {
		return setting, nil
	}
	content, err := policy.ReadFile(path, maxPolicyData)
	if err != nil {
		return policy.Setting{}, fault.Usagef("reading the policy data %s: %w", path, err)
	}
	setting.Params, err = policy.ParseParams(path, []byte(content))
	return setting, err
}

// jobFacts returns what the host says of the job, for policies; nil outside of one.
func (a *app) jobFacts() json.RawMessage {
	if a.host.Host == ci.None {
		return nil
	}
	facts, err := json.Marshal(a.host)
	if err != nil {
		return nil // texts and truth values only: it cannot fail
	}
	return facts
}

// evidence is what the gate decides on, of an image that was examined. The image's
// configuration is fetched only where a policy reads it.
func (a *app) evidence(ctx context.Context, x examined, asked []policy.Policy) (policy.Evidence, error) {
	e := policy.Evidence{Verified: x.Verified, NotRead: x.NotRead, Now: time.Now(), Image: pipeline.ImageOf(image.Facts{Subject: x.subject}), CI: a.jobFacts()}
	for _, p := range asked {
		if p.ReadsConfig() {
			facts, err := x.registry.Facts(ctx, x.subject)
			e.Image = pipeline.ImageOf(facts)
			return e, err
		}
	}
	return e, nil
}
