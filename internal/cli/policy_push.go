package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/spf13/cobra"

	"github.com/hallmark-ci/hallmark/internal/artifact"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/plain"
	"github.com/hallmark-ci/hallmark/internal/policy"
	"github.com/hallmark-ci/hallmark/internal/store"
)

func (a *app) policyPush() *cobra.Command {
	return a.policyJob(cmdPolicyPush, "PATH... REF", "Put policies into a registry as one signed OCI artifact, which --policy oci://REF reads",
		func(ctx context.Context, v values, args []string) error {
			return a.timed(ctx, v, func(ctx context.Context) error { return a.policyPushJob(ctx, v, args) })
		})
}

// policyPushJob writes the set under its digest, signs it, and only then lets the
// tag name it: nobody who asks for the tag ever gets what is not signed. The signature
// says in which repository the set is, and for which tag it was made.
func (a *app) policyPushJob(ctx context.Context, v values, args []string) error {
	reference := strings.TrimPrefix(args[len(args)-1], inRegistry)
	access, err := a.access(v)
	if err != nil {
		return err
	}
	tag, err := name.NewTag(reference, access.NameOptions()...)
	if err != nil {
		return fault.WithHint(fault.Usagef("policies are pushed to a tag, which %q is not", plain.Line(reference, 300)), "write it as oci://registry/repository:tag")
	}
	set, traps, err := a.packed(ctx, v, args[:len(args)-1])
	if err != nil {
		return err
	}
	connection := access.Connect()
	p := place{
		registry: image.NewRegistry(connection, image.DefaultLimits()), att: store.NewAtt(connection.RemoteOptions(), nil),
		bundles: store.NewBundles(connection, nil), signatures: store.NewSignatures(connection.RemoteOptions(), nil),
	}
	rooms, err := a.rooms(ctx, v, p, true)
	if err != nil {
		return err
	}
	if _, err := rooms.Identify(); err != nil { // before anything is written
		return err
	}
	artifacts := store.NewArtifacts(connection.RemoteOptions())
	digest, err := artifacts.Put(ctx, tag.Context(), set)
	if err != nil {
		return err
	}
	result, err := pipeline.SignVersion(ctx, digest.String(), tag.TagStr(), rooms)
	if err != nil {
		return err
	}
	if err := artifacts.Name(ctx, tag, set); err != nil {
		return err
	}
	a.tell(append(traps, result.Notes...))
	_, err = fmt.Fprintf(a.stdio.Out, "%s\n  signed by %s\n  as version %s of %s\n",
		result.Subject, result.Signed, tag.TagStr(), result.Subject.Repository())
	return err
}

// packed makes a set of policies that compile, and says what traps are in them.
func (a *app) packed(ctx context.Context, v values, sources []string) (artifact.Packed, []string, error) {
	files, names, err := a.named(ctx, v, sources)
	if err != nil {
		return artifact.Packed{}, nil, err
	}
	setting, err := policySetting(v)
	if err != nil {
		return artifact.Packed{}, nil, err
	}
	traps, err := checkSet(ctx, files, setting)
	if err != nil {
		return artifact.Packed{}, nil, err
	}
	set, err := packedAs(files, names, setting.Params)
	return set, traps, err
}

// named reads policies, and says what each file is called in the set.
func (a *app) named(ctx context.Context, v values, sources []string) ([]policy.File, []string, error) {
	reader := policyReader{app: a, v: v}
	var names []string
	for _, source := range sources {
		if strings.Contains(source, "://") {
			return nil, nil, fault.Usagef("policies are pushed from files, folders and hallmark:NAME, not from %s", plain.Line(source, 300))
		}
		if err := reader.read(ctx, source); err != nil {
			return nil, nil, err
		}
		for _, f := range reader.files[len(names):] {
			inSet, err := setName(filepath.ToSlash(filepath.Clean(source)), f.Name)
			if err != nil {
				return nil, nil, fault.Usagef("packing the policies: %w", err)
			}
			names = append(names, inSet)
		}
	}
	if reader.withLibrary {
		if err := reader.library(); err != nil {
			return nil, nil, err
		}
		for _, f := range reader.files[len(names):] {
			inSet, err := setName("", f.Name)
			if err != nil {
				return nil, nil, err
			}
			names = append(names, inSet)
		}
	}
	return reader.files, names, nil
}

// checkSet refuses policies that do not compile, and returns what else is wrong.
func checkSet(ctx context.Context, files []policy.File, setting policy.Setting) ([]string, error) {
	all := policy.CompileContext(ctx, files, setting)
	if len(all) == 0 {
		return nil, fault.Undecidedf("packing the policies: there are shared rules (hallmark.lib) and no policy")
	}
	for _, p := range all {
		if problems := p.Problems(); len(problems) > 0 {
			return nil, fault.WithHint(fault.Undecidedf("packing the policies: %s", strings.Join(problems, "; ")), "hallmark policy lint says more")
		}
	}
	var traps []string
	for _, trap := range policy.Check(ctx, all) {
		traps = append(traps, trap.Place+": "+trap.What)
	}
	return traps, policy.CheckParams(all, setting)
}

// packedAs makes the set of files under their names in it, with the parameters that
// they are to have.
func packedAs(files []policy.File, names []string, params policy.Params) (artifact.Packed, error) {
	var all []artifact.File
	for i, f := range files {
		all = append(all, artifact.File{Name: names[i], Type: artifact.PolicyType, Text: []byte(f.Text)})
	}
	if len(params) > 0 {
		text, err := policy.FormatData(params)
		if err != nil {
			return artifact.Packed{}, err
		}
		all = append(all, artifact.File{Name: "data.json", Type: artifact.DataType, Text: text})
	}
	set, err := artifact.Pack(all)
	if err != nil {
		return artifact.Packed{}, fault.Usagef("packing the policies: %w", err)
	}
	return set, nil
}
