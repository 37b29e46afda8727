package policy

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// Cluster is what a ClusterImagePolicy needs to know besides the policies.
type Cluster struct {
	Name           string   // of the resource; several policies make several, each with its own name behind this one
	Globs          []string // of the images that it is about
	Warn           bool     // the cluster warns, and admits
	Authorities    []Authority
	Verifier       string        // whose verdicts are believed, where a policy needs one
	AllowUnread    Allowance     // what scans and SBOMs need not have looked at
	MaxScanAge     time.Duration // 0: any age
	MaxDatabaseAge time.Duration // of the database that a scan was made with; 0: any age
	MaxVerdictAge  time.Duration // 0: any age
	ByVerdict      bool          // every policy is checked by the attested verdict
	PartOfVerdict  bool          // of a verdict, only what it says about the policy has to have passed
}

// Authority is whose attestations the cluster believes: a key, or an identity of
// keyless signing.
type Authority struct {
	PEM string // public key
	KMS string // reference to a key management service, which the controller asks

	Subject, SubjectRegexp string
	Issuer, IssuerRegexp   string
	Fulcio, Rekor          string // URLs of the deployment; no Rekor: no log is asked for
	TrustRoot              string // name of the TrustRoot resource of a private deployment
	Timestamps             bool   // its timestamp authority says when; then no log is asked for
	Bundle                 bool   // attestations are Sigstore bundles
}

// maxResource bounds one resource: kubectl apply keeps a copy of it in an
// annotation, which the API server bounds.
const maxResource = 256 << 10

// Resource is a policy as the cluster takes it.
type Resource struct {
	Policy string // the policy's name
	Notes  []string
	YAML   []byte
}

// Resources compiles policies into ClusterImagePolicies, one for each. All that
// match an image must pass, and each shows its own message: in one resource, the
// first failing policy would hide the others.
//
// A policy that the controller cannot enforce is an error that says why.
func Resources(policies []Policy, c Cluster) ([]Resource, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	var all []Resource
	var errs []error
	seen := map[string]string{}
	for _, p := range policies {
		r, err := c.resource(p, len(policies) > 1)
		if err != nil {
			errs = append(errs, fmt.Errorf("compiling %s for the cluster: %w", clean(p.Name()), err))
			continue
		}
		name := c.nameOf(p, len(policies) > 1)
		if other, taken := seen[name]; taken {
			errs = append(errs, fmt.Errorf("compiling %s for the cluster: %s would have the same name, %s", clean(p.Name()), other, name))
		}
		seen[name] = clean(p.Name())
		all = append(all, r)
	}
	return all, errors.Join(errs...)
}

// check refuses what no resource can be made with.
func (c Cluster) check() error {
	switch {
	case len(c.Authorities) == 0:
		return fault.Usagef("nobody's attestations would be believed")
	case len(c.Globs) == 0:
		return fault.Usagef("no image would be checked")
	case c.Name != "" && !resourceName().MatchString(c.Name):
		return fault.WithHint(fault.Usagef("name is %q, which Kubernetes does not take", c.Name), "use lower-case letters, digits and dashes")
	}
	return nil
}

func resourceName() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,200}[a-z0-9])?$`)
}

// nameOf returns the resource's name.
func (c Cluster) nameOf(p Policy, several bool) string {
	if c.Name != "" && !several {
		return c.Name
	}
	base := p.Name()[strings.LastIndexAny(p.Name(), "/:")+1:]
	own := strings.Trim(strings.Map(func(r rune) rune {
		switch letter := plainLetter(r); {
		case letter == '_':
			return '-'
		case letter >= 'A' && letter <= 'Z':
			return letter + 'a' - 'A'
		default:
			return letter
		}
	}, strings.TrimSuffix(base, ".rego")), "-")
	own = own[:min(len(own), 100)]
	if c.Name == "" {
		return strings.Trim("hallmark-"+own, "-")
	}
	return strings.Trim(c.Name+"-"+own, "-")
}

// resource compiles one policy.
func (c Cluster) resource(p Policy, several bool) (Resource, error) {
	if problems := p.Problems(); len(problems) > 0 {
		return Resource{}, errors.New(strings.Join(problems, "; "))
	}
	check, err := c.checkOf(p)
	if err != nil {
		return Resource{}, err
	}
	document := clusterImagePolicy{APIVersion: "policy.sigstore.dev/v1beta1", Kind: "ClusterImagePolicy"}
	document.Metadata.Name = c.nameOf(p, several)
	document.Metadata.Annotations = map[string]string{"hallmark/policy": p.Digest()}
	document.Spec.Mode = "enforce"
	if c.Warn {
		document.Spec.Mode = "warn"
	}
	for _, glob := range c.Globs {
		document.Spec.Images = append(document.Spec.Images, imagePattern{Glob: glob})
	}
	for i, a := range c.Authorities {
		for _, predicateType := range check.types {
			entry, err := check.attestation(p, predicateType, c)
			if err != nil {
				return Resource{}, err
			}
			one := a.yaml(i)
			if len(check.types) > 1 {
				one.Name += "-" + shortName(predicateType)
			}
			one.Attestations = []attestation{entry}
			document.Spec.Authorities = append(document.Spec.Authorities, one)
		}
	}
	text, err := encodeYAML(document)
	if err == nil && len(text) > maxResource {
		err = fmt.Errorf("it comes to %d bytes, and kubectl apply takes no more than %d", len(text), maxResource)
	}
	return Resource{Policy: p.Name(), Notes: check.notes, YAML: text}, err
}

func encodeYAML(document any) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := encoder.Encode(document); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}
