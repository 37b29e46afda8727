package cli

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/ci"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/pipeline"
	"github.com/hallmark-ci/hallmark/internal/store"
)

// place is an image's reference and the ways to its registry.
type place struct {
	reference  string
	registry   *image.Registry
	att        store.Att
	bundles    store.Bundles
	signatures store.Signatures
}

// attached lists what is attached, in every format.
func (p place) attached() store.All { return store.All{p.att, p.bundles} }

// stores returns the stores that the input attestation-format names, and the
// others.
func (p place) stores(v values) (chosen, others []pipeline.Store, err error) {
	format, err := v.oneOf("attestation-format", string(store.FormatAtt), string(store.FormatBundle), "both")
	if err != nil {
		return nil, nil, err
	}
	for _, s := range []pipeline.Store{p.att, p.bundles} {
		if format == "both" || format == string(s.Format()) {
			chosen = append(chosen, s)
		} else {
			others = append(others, s)
		}
	}
	return chosen, others, nil
}

// imageOf returns the reference of the image: the argument, or the input. Of
// several it is the first.
func imageOf(v values, args []string) string {
	if len(args) > 0 {
		return args[0]
	}
	return v.text("image")
}

// place reads where the image is and how its registry is reached.
func (a *app) place(v values, args []string) (place, error) {
	reference := imageOf(v, args)
	if reference == "" {
		return place{}, fault.WithHint(fault.Usagef("no image given"), "name it as the argument, or in the input image")
	}
	if _, err := registryOf(reference); err != nil {
		return place{}, err
	}
	access, err := a.access(v)
	if err != nil {
		return place{}, err
	}
	target, err := a.targetRepository(v, access.NameOptions())
	if err != nil {
		return place{}, err
	}
	connection := access.Connect()
	return place{
		reference:  reference,
		registry:   image.NewRegistry(connection, image.DefaultLimits()),
		att:        store.NewAtt(connection.RemoteOptions(), target),
		bundles:    store.NewBundles(connection, target),
		signatures: store.NewSignatures(connection.RemoteOptions(), target),
	}, nil
}

// access reads how registries are reached. The login that the user gives is bound to
// its host already, whatever registry is asked.
func (a *app) access(v values) (image.Access, error) {
	insecure, err := v.boolean("insecure-registry")
	if err != nil {
		return image.Access{}, err
	}
	access := image.Access{
		Login: v.login, HostLogin: a.hostLogin(v), Insecure: insecure, UserAgent: "hallmark/" + buildVersion(),
	}
	access.Mirrors, err = mirrors(v, access)
	return access, err
}

// mirrors reads the mirrors that images are pulled from.
func mirrors(v values, access image.Access) ([]image.Mirror, error) {
	var all []image.Mirror
	for _, text := range v.list("registry-mirror") {
		mirror, err := access.ParseMirror(text)
		if err != nil {
			return nil, err
		}
		all = append(all, mirror)
	}
	return all, nil
}

// givenLogin reads the login that the user gives, both halves of it or neither, and
// binds it to the registry of what a command is about: its image, the first of
// several, or the set of policies that it pushes. No other registry is ever shown it.
func givenLogin(command string, v values, args []string) (image.Login, error) {
	login := image.Login{Username: v.text("registry-username"), Password: v.text("registry-password")}
	if (login.Username == "") != (login.Password == "") {
		return image.Login{}, fault.WithHint(
			fault.Usagef("only one of registry-username and registry-password is given"), "give both, or neither")
	}
	reference := imageOf(v, args)
	if command == cmdPolicyPush && len(args) > 0 {
		reference = strings.TrimPrefix(args[len(args)-1], inRegistry)
	}
	several := strings.Fields(reference)
	if login.Username == "" || len(several) == 0 {
		return image.Login{}, nil
	}
	var err error
	login.Host, err = registryOf(several[0])
	return login, err
}

// gitHubRegistry is where GitHub keeps images, and takes the token of its jobs.
const gitHubRegistry = "ghcr.io"

// hostLogin returns the login that the host gives every job, for the host's own
// registry and no other.
func (a *app) hostLogin(v values) image.Login {
	if a.host.Host == ci.GitHub {
		return a.gitHubLogin(v)
	}
	host, _ := a.env("CI_REGISTRY")
	username, _ := a.env("CI_REGISTRY_USER")
	password, _ := a.env("CI_REGISTRY_PASSWORD")
	return image.Login{Host: host, Username: username, Password: password}
}

// gitHubLogin returns the login for ghcr.io. The token of another server of
// GitHub's, in a company, is not for it.
func (a *app) gitHubLogin(v values) image.Login {
	token := a.gitHubToken(v)
	if token == "" || a.host.ServerURL != "https://github.com" {
		return image.Login{}
	}
	return image.Login{Host: gitHubRegistry, Username: a.host.Actor, Password: token}
}

// gitHubToken returns the token that GitHub gives a job: the input, else
// GITHUB_TOKEN.
func (a *app) gitHubToken(v values) string {
	if token := v.text("github-token"); token != "" {
		return token
	}
	token, _ := a.env("GITHUB_TOKEN")
	return token
}

// registryOf returns the host of a reference's registry.
func registryOf(reference string) (string, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return "", fault.WithHint(fault.Usagef("image reference %q is malformed", reference),
			"write it as registry/repository:tag or registry/repository@sha256:…")
	}
	return ref.Context().RegistryStr(), nil
}

// targetRepository returns the repository that attestations lie in, if it is
// not the image's own: the input attestation-repository, else COSIGN_REPOSITORY, as
// with cosign.
func (a *app) targetRepository(v values, options []name.Option) (*name.Repository, error) {
	source, value := "attestation-repository", v.text("attestation-repository")
	if value == "" && !v.step.alone() {
		source = "COSIGN_REPOSITORY"
		value, _ = a.env(source)
	}
	if value == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	repository, err := name.NewRepository(value, options...)
	if err != nil {
		return nil, fault.Usagef("%s is %q, which is not a repository: %w", source, value, err)
	}
	return &repository, nil
}
