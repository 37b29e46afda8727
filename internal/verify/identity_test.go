package verify_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func TestAnIdentityNeedsItsSubjectAndItsIssuer(t *testing.T) {
	root := trustedRoot(t, sigstoretest.New(t), sigstoretest.Root{})
	whole := verify.Identity{Subject: workflow, Issuer: issuer}
	tests := []struct {
		name  string
		of    verify.Identity
		says  string
		hints string
	}{
		{"nobody", verify.Identity{}, "needs both its subject and its issuer", "certificate-oidc-issuer"},
		{"no issuer", verify.Identity{Subject: workflow}, "needs both its subject and its issuer", "certificate-oidc-issuer"},
		{"no subject", verify.Identity{IssuerRegexp: ".*"}, "needs both its subject and its issuer", "certificate-identity"},
		{"a subject that is no expression", verify.Identity{SubjectRegexp: "(", Issuer: issuer}, "the accepted identity /(/ (issuer " + issuer + ")", ""},
		{"an issuer that is no expression", verify.Identity{Subject: workflow, IssuerRegexp: "*"}, "missing argument to repetition operator", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, list := range [][]verify.Identity{{test.of}, {whole, test.of}} {
				_, err := verify.TrustIdentities(root, list[0], list[1:]...)
				if err == nil || !strings.Contains(err.Error(), test.says) || fault.KindOf(err) != fault.Usage {
					t.Errorf("error %v, want one of usage that says %q", err, test.says)
				}
				if hint := fault.HintOf(err); !strings.Contains(hint, test.hints) {
					t.Errorf("hint %q, want %q", hint, test.hints)
				}
			}
		})
	}
}

// Whom an identity accepts. Expressions are searched for, as cosign and Policy
// Controller do: without anchors, a part is enough.
func TestWhomAnIdentityAccepts(t *testing.T) {
	d := sigstoretest.New(t)
	root := trustedRoot(t, d, sigstoretest.Root{})
	e := keyless(t, d)
	tests := []struct {
		name    string
		of      verify.Identity
		accepts bool
	}{
		{"exactly", verify.Identity{Subject: workflow, Issuer: issuer}, true},
		{"a subject of which it is the start", verify.Identity{Subject: workflow + "2", Issuer: issuer}, false},
		{"a start of the subject", verify.Identity{Subject: workflow[:len(workflow)-1], Issuer: issuer}, false},
		{"a start of the issuer", verify.Identity{Subject: workflow, Issuer: issuer[:len(issuer)-1]}, false},
		{"in other letters", verify.Identity{Subject: strings.ToUpper(workflow), Issuer: issuer}, false},
		{"an expression of the whole", verify.Identity{SubjectRegexp: `^https://github\.com/acme/app/\.github/workflows/release\.yml@refs/heads/[a-z]+$`, IssuerRegexp: "^" + issuer + "$"}, true},
		{"an expression of a part", verify.Identity{SubjectRegexp: `acme/app`, Issuer: issuer}, true},
		{"an expression of something else", verify.Identity{SubjectRegexp: `acme/app$`, Issuer: issuer}, false},
		{"an expression of another issuer", verify.Identity{Subject: workflow, IssuerRegexp: "^https://gitlab"}, false},
		{"exactly, and an expression that does not fit", verify.Identity{Subject: workflow, SubjectRegexp: "^http://", Issuer: issuer}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			trust := trustIdentity(t, root, test.of)
			if !test.accepts {
				wants(t, e, trust, notAccepted)
				return
			}
			if v := believed(t, e, trust); v.Signer() != workflow+" (issuer "+issuer+")" {
				t.Errorf("signed by %s", v.Signer())
			}
		})
	}
	t.Run("one of several", func(t *testing.T) {
		other := verify.Identity{Subject: "ops@example.com", Issuer: "https://accounts.example.com"}
		trust := trustIdentity(t, root, other, verify.Identity{Subject: workflow, Issuer: issuer})
		believed(t, e, trust)
		by := func(m *making) { m.subject, m.issuer = other.Subject, other.Issuer }
		if v := believed(t, keyless(t, d, by), trust); v.Signer() != "ops@example.com (issuer https://accounts.example.com)" {
			t.Errorf("signed by %s", v.Signer())
		}
		// Not the subject of the one with the issuer of the other.
		wants(t, keyless(t, d, func(m *making) { m.issuer = other.Issuer }), trust, strings.Replace(notAccepted, issuer, other.Issuer, 1))
	})
}

func TestTheNamesOfIdentities(t *testing.T) {
	root := trustedRoot(t, sigstoretest.New(t), sigstoretest.Root{})
	trust := trustIdentity(t, root, verify.Identity{Subject: "a", Issuer: "b"}, verify.Identity{SubjectRegexp: "c", Issuer: "d", IssuerRegexp: "e"})
	if got := strings.Join(trust.Signers(), ", "); got != "a (issuer b), /c/ (issuer d and /e/)" {
		t.Errorf("signers %s", got)
	}
}

// The subject comes from a certificate that any job can have.
func TestAHostileNameIsShownPlainly(t *testing.T) {
	d := sigstoretest.New(t)
	trust := trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{}))
	e := keyless(t, d, func(m *making) {
		m.subject, m.issuer = "https://x.example/"+strings.Repeat("x", 1000), "::error::\x1b[31m\u202e"+strings.Repeat("y", 1000)
	})
	_, err := verify.Verify(e, subject(t), trust)
	if err == nil || len(err.Error()) > 700 || strings.ContainsAny(err.Error(), "\x1b\u202e") {
		t.Errorf("error %q", err)
	}
}

// The time of a signature is that of the timestamp, not of the reading.
func TestTheTimeOfASignature(t *testing.T) {
	d := sigstoretest.New(t)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	v := believed(t, keyless(t, d, func(m *making) { m.at, m.from, m.to = at, at.Add(-time.Minute), at.Add(time.Minute) }),
		trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{})))
	if !v.SignedAt().Equal(at) || !v.Time().Equal(at) {
		t.Errorf("signed at %s, made at %s, want %s", v.SignedAt(), v.Time(), at)
	}
	key := privateKey(t)
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	if v := believed(t, byKey(t, d, key), trust); !v.SignedAt().IsZero() {
		t.Errorf("signed at %s by no trusted clock", v.SignedAt())
	}
}
