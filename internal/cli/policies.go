package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/policies"
)

// shipped is what goes before the name of a policy that comes with the program.
const shipped = "hallmark:"

// policies reads and compiles what the input policy names.
func (a *app) policies(v values) ([]policy.Policy, error) {
	return compiled(v, v.list("policy"))
}

// compiled reads and compiles policies from where they are.
func compiled(v values, sources []string) ([]policy.Policy, error) {
	files, err := policyFiles(sources)
	if err != nil {
		return nil, err
	}
	setting, err := policySetting(v)
	if err != nil {
		return nil, err
	}
	all := policy.Compile(files, setting)
	if len(all) == 0 && len(files) > 0 {
		return nil, fault.Undecidedf("loading policies from %s: there are shared rules (hallmark.lib) and no policy", strings.Join(sources, ", "))
	}
	return all, policy.CheckParams(all, setting.Params)
}

// policyFiles returns the files of paths and of shipped policies, in the order in
// which they are named.
func policyFiles(sources []string) ([]policy.File, error) {
	var files []policy.File
	var paths []string
	flush := func() error {
		found, err := policy.Read(paths)
		files, paths = append(files, found...), nil
		return err
	}
	withLibrary := false
	for _, source := range sources {
		name, ok := strings.CutPrefix(source, shipped)
		if !ok {
			paths = append(paths, source)
			continue
		}
		if err := flush(); err != nil {
			return nil, err
		}
		found, err := shippedFiles(name)
		if err != nil {
			return nil, err
		}
		files, withLibrary = append(files, found...), true
	}
	if err := flush(); err != nil || !withLibrary {
		return files, err
	}
	library, err := policies.Library()
	for name, text := range library {
		files = append(files, policy.File{Name: shipped + "lib/" + name, Text: text})
	}
	return files, err
}

// shippedFiles returns a policy that comes with the program, or those that a name
// stands for.
func shippedFiles(name string) ([]policy.File, error) {
	var files []policy.File
	for _, n := range policies.Expand(name) {
		text, err := policies.Read(n)
		if err != nil {
			return nil, fault.Undecidedf("loading policies: %w", err)
		}
		files = append(files, policy.File{Name: shipped + n, Text: text})
	}
	return files, nil
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
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxPolicyData {
		err = fmt.Errorf("the file has %d bytes, the limit is %d (1 MiB)", info.Size(), maxPolicyData)
	}
	if err != nil {
		return policy.Setting{}, fault.Usagef("reading the policy data %s: %w", path, err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return policy.Setting{}, fault.Usagef("reading the policy data %s: %w", path, err)
	}
	setting.Params, err = policy.ParseParams(path, content)
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
	e := policy.Evidence{Verified: x.Verified, Now: time.Now(), Image: pipeline.ImageOf(image.Facts{Subject: x.subject}), CI: a.jobFacts()}
	for _, p := range asked {
		if p.ReadsConfig() {
			facts, err := x.registry.Facts(ctx, x.subject)
			e.Image = pipeline.ImageOf(facts)
			return e, err
		}
	}
	return e, nil
}
