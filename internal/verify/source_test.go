package verify_test

import (
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Repositories that call one reusable workflow have certificates for the same
// subject. What is asked of the caller besides has to be in the certificate, by the
// same identity that its subject is of.
func TestTheSourceOfACertificate(t *testing.T) {
	const (
		shop   = "https://github.com/team/shop"
		caller = "https://github.com/team/shop/.github/workflows/ci.yml@refs/heads/main"
	)
	d := sigstoretest.New(t)
	root := trustedRoot(t, d, sigstoretest.Root{})
	said := sigstoretest.Extensions{SourceRepository: shop, SourceRef: "refs/heads/main", Caller: caller}
	e := keyless(t, d, func(m *making) { m.source = said })
	silent := keyless(t, d)
	for _, c := range []struct {
		name string
		of   verify.Source
		why  string // it is refused; empty: it is not
	}{
		{"nothing asked", verify.Source{}, ""},
		{"all of it", verify.Source{Repository: shop, Ref: "refs/heads/main", Caller: caller}, ""},
		{"expressions", verify.Source{RepositoryRegexp: "^https://github.com/team/", RefRegexp: "^refs/heads/", CallerRegexp: `/ci\.yml@`}, ""},
		{"exactly, and an expression that does not fit", verify.Source{Repository: shop, RepositoryRegexp: "eve"}, "its certificate names the source repository " + shop},
		{"another repository", verify.Source{Repository: "https://github.com/eve/shop"}, "its certificate names the source repository " + shop},
		{"the start of the repository", verify.Source{Repository: "https://github.com/team/sho"}, "its certificate names the source repository " + shop},
		{"in other letters", verify.Source{Repository: "https://github.com/Team/shop"}, "its certificate names the source repository " + shop},
		{"another ref", verify.Source{Repository: shop, Ref: "refs/tags/main"}, "its certificate names the source ref refs/heads/main"},
		{"another caller", verify.Source{Caller: caller + "2"}, "its certificate names the caller workflow " + caller},
	} {
		t.Run(c.name, func(t *testing.T) {
			trust := trustIdentity(t, root, verify.Identity{Subject: workflow, Issuer: issuer, Source: c.of})
			if c.why == "" {
				believed(t, e, trust)
				return
			}
			wants(t, e, trust, notAccepted+" for this source: "+c.why)
		})
	}
	for why, of := range map[string]verify.Source{
		"its certificate names no source repository": {RepositoryRegexp: ".*"},
		"its certificate names no source ref":        {RefRegexp: "^$"},
		"its certificate names no caller workflow":   {CallerRegexp: ".?"},
	} {
		wants(t, silent, trustIdentity(t, root, verify.Identity{Subject: workflow, Issuer: issuer, Source: of}), notAccepted+" for this source: "+why)
	}
	t.Run("not one's subject with the other's source", func(t *testing.T) {
		trust := trustIdentity(
			t, root,
			verify.Identity{Subject: workflow, Issuer: issuer, Source: verify.Source{Repository: "https://github.com/eve/shop"}},
			verify.Identity{Subject: workflow + "2", Issuer: issuer, Source: verify.Source{Repository: shop}},
		)
		wants(t, e, trust, notAccepted+" for this source: its certificate names the source repository "+shop)
	})
	for _, of := range []verify.Source{{Repository: "team/shop"}, {Ref: "main"}, {Caller: "ci.yml"}, {CallerRegexp: "("}} {
		_, err := verify.TrustIdentities(root, verify.Identity{Subject: workflow, Issuer: issuer, Source: of})
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("%+v: %v, want an error of usage", of, err)
		}
	}
}
