package cli

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/artifact"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/fetch"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
	"github.com/hallmark-ci/hallmark/internal/verify"
	"github.com/hallmark-ci/hallmark/policies"
)

// What goes before the name of a policy that comes with the program, and of a set of
// policies in a registry.
const (
	shipped    = "hallmark:"
	inRegistry = "oci://"
)

// shippedFolder is where the policies that ship lie in a set.
const shippedFolder = "hallmark/"

// gathered is what policies are compiled from.
type gathered struct {
	files   []policy.File
	setting policy.Setting
}

// gatherPolicies reads policies from where they are, in the order in which they are
// named, each once.
func (a *app) gatherPolicies(ctx context.Context, v values, named []string) (gathered, error) {
	setting, err := policySetting(v)
	if err != nil {
		return gathered{}, err
	}
	reader := policyReader{app: a, v: v, params: map[string]policy.Params{}}
	for _, source := range named {
		if err := reader.read(ctx, source); err != nil {
			return gathered{}, err
		}
	}
	if reader.withLibrary {
		if err := reader.library(); err != nil {
			return gathered{}, err
		}
	}
	setting.SetParams = reader.params
	a.tellReplaced(setting)
	return gathered{files: reader.files, setting: setting}, nil
}

// policyReader reads policies from one place after the other.
type policyReader struct {
	app         *app
	v           values
	trust       *verify.Trust
	files       []policy.File
	params      map[string]policy.Params // that came with sets, by their artifact
	withLibrary bool
}

func (r *policyReader) read(ctx context.Context, source string) error {
	switch {
	case strings.HasPrefix(source, shipped):
		return r.shipped(strings.TrimPrefix(source, shipped))
	case strings.HasPrefix(source, inRegistry):
		return r.pull(ctx, source)
	case strings.Contains(source, "://"):
		return r.fetch(ctx, source)
	}
	found, err := policy.Read([]string{source})
	r.add(found...)
	return err
}

// add takes files that were not named before.
func (r *policyReader) add(files ...policy.File) {
	for _, f := range files {
		if !slices.ContainsFunc(r.files, func(have policy.File) bool { return have.Name == f.Name && have.Artifact == f.Artifact }) {
			r.files = append(r.files, f)
		}
	}
}

// shipped reads a policy that comes with the program, or those that a name stands
// for.
func (r *policyReader) shipped(name string) error {
	for _, n := range policies.Expand(name) {
		text, err := policies.Read(n)
		if err != nil {
			return fault.Undecidedf("loading policies: %w", err)
		}
		r.add(policy.File{Name: shipped + n, Text: text, Shipped: n})
	}
	r.withLibrary = true
	return nil
}

// library reads what the policies that come with the program share.
func (r *policyReader) library() error {
	library, err := policies.Library()
	for _, name := range slices.Sorted(maps.Keys(library)) {
		r.add(policy.File{Name: shipped + "lib/" + name, Text: library[name]})
	}
	return err
}

// fetch reads a policy from the web.
func (r *policyReader) fetch(ctx context.Context, source string) error {
	pinned, err := fetch.Parse(source)
	if err != nil {
		return err
	}
	text, err := pinned.Get(ctx, policy.MaxPolicySize, nil)
	if err != nil {
		return fault.Undecidedf("loading policies: %w", err)
	}
	r.add(policy.File{Name: pinned.String(), Text: string(text)})
	return nil
}

// pull reads a set of policies from a registry. Nothing of it is looked at before
// its signature was verified.
func (r *policyReader) pull(ctx context.Context, source string) error {
	reference := strings.TrimPrefix(source, inRegistry)
	trust, err := r.signers(ctx)
	if err != nil {
		return err
	}
	access, err := r.app.access(r.v)
	if err != nil {
		return err
	}
	connection := access.Connect()
	registry := image.NewRegistry(connection, image.DefaultLimits())
	subject, err := registry.Resolve(ctx, reference)
	if err != nil {
		return notLoaded(source, err)
	}
	signatures, bundles := store.NewSignatures(connection.RemoteOptions(), nil), store.NewBundles(connection, nil)
	signed, err := pipeline.ImageSignatures(ctx, subject, signatures, bundles, trust)
	if err != nil {
		return fault.WithHint(notLoaded(source, err), "hallmark policy push signs; policy-key, or policy-identity and policy-oidc-issuer, say whose signature counts")
	}
	meant, err := r.meant(reference, access)
	if err != nil {
		return err
	}
	if err := meant.check(signed); err != nil {
		return notLoaded(source, err)
	}
	files, err := registry.Files(ctx, subject)
	if err != nil {
		return notLoaded(source, err)
	}
	for _, f := range files {
		if err := r.take(inRegistry+subject.Repository()+"/"+f.Name, inRegistry+subject.String(), f); err != nil {
			return err
		}
	}
	if meant.version != "" {
		r.app.note("%s is %s now; a tag can move, and the digest cannot", plain.Line(source, maxMessage/3), subject)
	}
	return nil
}

// notLoaded says that policies which were asked for are not there. That is never a
// pass, whatever the reason.
func notLoaded(source string, err error) error {
	if fault.KindOf(err) == fault.Usage {
		return err
	}
	return fault.WithHint(fault.Undecidedf("loading policies from %s: %w", plain.Line(source, maxMessage/3), err), "%s", fault.HintOf(err))
}

// take takes a file of a set.
func (r *policyReader) take(name, from string, f artifact.File) error {
	if f.Type == artifact.PolicyType {
		r.add(policy.File{Name: name, Text: string(f.Text), Artifact: from, Shipped: shippedIn(f.Name)})
		return nil
	}
	params, err := policy.ParseData(name, f.Text)
	if err != nil {
		return err
	}
	r.params[from] = params
	return nil
}

// shippedIn returns the NAME of hallmark:NAME by which a file came into a set, if it
// is one that ships.
func shippedIn(name string) string {
	name, inFolder := strings.CutPrefix(strings.TrimSuffix(name, ".rego"), shippedFolder)
	if !inFolder || !slices.Contains(policies.Names(), name) {
		return ""
	}
	return name
}

// tellReplaced says where the job gives a parameter another value than the one that a
// set came with: whoever signed the set meant that one.
func (a *app) tellReplaced(s policy.Setting) {
	for _, from := range slices.Sorted(maps.Keys(s.SetParams)) {
		for _, key := range slices.Sorted(maps.Keys(s.SetParams[from])) {
			for _, name := range slices.Sorted(maps.Keys(s.SetParams[from][key])) {
				given, ok := s.Params[key][name]
				if ok && !reflect.DeepEqual(given, s.SetParams[from][key][name]) {
					a.note("policy-data sets %s of %s to another value than %s came with", plain.Line(name, 100), plain.Line(key, 100), from)
				}
			}
		}
	}
}

// signers returns whose signatures of policies count.
func (r *policyReader) signers(ctx context.Context) (verify.Trust, error) {
	if r.trust == nil {
		trust, err := r.app.policyTrust(ctx, r.v)
		if err != nil {
			return verify.Trust{}, err
		}
		r.trust = &trust
	}
	if len(r.trust.Signers()) == 0 {
		return verify.Trust{}, fault.WithHint(fault.Usagef("policies from a registry have to be signed, and nobody is named whose signature counts"),
			"give the public key with policy-key, or policy-identity and policy-oidc-issuer")
	}
	return *r.trust, nil
}

// setName returns the name that a file has in a set: below the folder or the place
// that it was named by.
func setName(source, path string) (string, error) {
	if rest, ok := strings.CutPrefix(path, shipped); ok {
		return shippedFolder + strings.TrimSuffix(rest, ".rego") + ".rego", nil
	}
	if source == "." {
		return path, nil
	}
	if below, ok := strings.CutPrefix(path, strings.TrimSuffix(source, "/")+"/"); ok {
		return below, nil
	}
	base := path[strings.LastIndex(path, "/")+1:]
	if !strings.HasSuffix(base, ".rego") {
		return "", fmt.Errorf("%s is no file of policies (*.rego)", path)
	}
	return base, nil
}
