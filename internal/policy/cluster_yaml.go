package policy

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// clusterImagePolicy is the part of Policy Controller's resource that is written
// here.
type clusterImagePolicy struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string `yaml:"kind"`
	Metadata   struct {
		Name        string            `yaml:"name"`
		Annotations map[string]string `yaml:"annotations,omitempty"`
	} `yaml:"metadata"`
	Spec struct {
		Mode        string         `yaml:"mode"`
		Images      []imagePattern `yaml:"images"`
		Authorities []authority    `yaml:"authorities"`
	} `yaml:"spec"`
}

type imagePattern struct {
	Glob string `yaml:"glob"`
}

type authority struct {
	Name         string        `yaml:"name"`
	Format       string        `yaml:"signatureFormat,omitempty"`
	Key          *keyReference `yaml:"key,omitempty"`
	Keyless      *keyless      `yaml:"keyless,omitempty"`
	Log          *address      `yaml:"ctlog,omitempty"`
	Timestamps   *trustRoot    `yaml:"rfc3161timestamp,omitempty"`
	Attestations []attestation `yaml:"attestations"`
}

type keyReference struct {
	Data *yaml.Node `yaml:"data,omitempty"`
	KMS  string     `yaml:"kms,omitempty"`
}

type keyless struct {
	URL        string     `yaml:"url"`
	TrustRoot  string     `yaml:"trustRootRef,omitempty"`
	Identities []identity `yaml:"identities"`
}

type identity struct {
	Issuer        string `yaml:"issuer,omitempty"`
	IssuerRegexp  string `yaml:"issuerRegExp,omitempty"`
	Subject       string `yaml:"subject,omitempty"`
	SubjectRegexp string `yaml:"subjectRegExp,omitempty"`
}

type address struct {
	URL       string `yaml:"url"`
	TrustRoot string `yaml:"trustRootRef,omitempty"`
}

type trustRoot struct {
	Name string `yaml:"trustRootRef"`
}

type attestation struct {
	Name   string     `yaml:"name"`
	Type   string     `yaml:"predicateType"`
	Policy regoPolicy `yaml:"policy"`
}

type regoPolicy struct {
	Type string     `yaml:"type"`
	Data *yaml.Node `yaml:"data"`
}

// yaml returns the authority, without what it has to attest. Where nothing is attached,
// its name is all of a policy that the controller shows: it says what to run.
func (a Authority) yaml(number int) authority {
	if a.PEM != "" {
		return authority{Name: fmt.Sprintf("hallmark-run-with-key-%d", number), Key: &keyReference{Data: block(a.PEM)}, Log: a.log()}
	}
	if a.KMS != "" {
		return authority{Name: fmt.Sprintf("hallmark-run-with-kms-%d", number), Key: &keyReference{KMS: a.KMS}, Log: a.log()}
	}
	out := authority{Name: fmt.Sprintf("hallmark-run-keyless-%d", number), Keyless: &keyless{
		URL: a.Fulcio, TrustRoot: a.TrustRoot,
		Identities: []identity{{Issuer: a.Issuer, IssuerRegexp: a.IssuerRegexp, Subject: a.Subject, SubjectRegexp: a.SubjectRegexp}},
	}}
	if a.Bundle {
		out.Format = "bundle"
	}
	switch {
	case a.Timestamps:
		out.Timestamps = &trustRoot{Name: a.TrustRoot}
	default:
		out.Log = a.log()
	}
	return out
}

// log returns the transparency log that has to hold a signature; nil: none has to.
func (a Authority) log() *address {
	if a.Rekor == "" {
		return nil
	}
	return &address{URL: a.Rekor, TrustRoot: a.TrustRoot}
}

// block is a text that keeps its lines.
func block(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Style: yaml.LiteralStyle, Value: strings.TrimRight(text, "\n") + "\n"}
}

// shortName is a predicate type as a part of a name.
func shortName(predicateType string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if letter := plainLetter(r); letter != '_' {
			return letter
		}
		return '-'
	}, attest.ShortType(predicateType)), "-")
}
