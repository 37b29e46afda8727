package verify_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

const (
	changed     = "its content was changed after signing, or another key signed it"
	certChanged = "its signature does not fit its certificate: " + changed
	noTime      = "nothing says when its certificate was used: it has no timestamp"
	badTime     = "nothing trusted says when its certificate was used: its timestamp is of no trusted authority, or of another signature"
	badCert     = "its certificate is of no trusted authority"
	ended       = "its certificate had ended, or was not valid yet, when it was used"
	badLog      = "its log entry is of another signature, or does not prove that a log holds it"
	otherLog    = "no trusted transparency log vouches for its log entry"
	noLog       = "no transparency log holds it, and one is asked for"
	noCert      = "not signed by a trusted signer: it comes without a certificate"
	notAccepted = "signed by " + workflow + " (issuer " + issuer + "), who is not an accepted signer"
	anotherSays = "statement is about another image, not sha256:" + hexOfImage
)

// Everything that may be wrong with an attestation by certificate, each in its own
// words. The words depend on those of Sigstore's verifier: this is what holds them.
func TestAForgedCertificateIsNotBelieved(t *testing.T) {
	ours, theirs := sigstoretest.New(t), sigstoretest.New(t)
	logged := func(*making) {}
	unlogged := func(m *making) { m.log = nil }
	envelope := func(change func(*protodsse.Envelope)) func(*making) {
		return func(m *making) {
			m.change = func(b *protobundle.Bundle) { change(b.GetDsseEnvelope()) }
		}
	}
	material := func(change func(*protobundle.VerificationMaterial)) func(*making) {
		return func(m *making) {
			m.change = func(b *protobundle.Bundle) { change(b.GetVerificationMaterial()) }
		}
	}
	moved := strings.Replace(statementAbout(hexOfImage), hexOfImage, hexOfAnother, 1)

	tests := []struct {
		name       string
		log        func(*making) // whether it is logged
		forge      func(*making)
		says       string
		saysLogged string // where the log is the first to notice
	}{
		{"its payload was changed", unlogged, envelope(func(e *protodsse.Envelope) { e.Payload = []byte(moved) }), certChanged, badLog},
		{"another key signed", unlogged, func(m *making) { m.key = privateKey(t) }, certChanged, ""},
		{"no bytes of a signature", unlogged, envelope(func(e *protodsse.Envelope) { e.Signatures[0].Sig = nil }), badTime, badLog},
		{"a second signature", unlogged, envelope(func(e *protodsse.Envelope) {
			e.Signatures = append(e.Signatures, e.Signatures[0])
		}), "it has 2 signatures, and a certificate is for one", ""},
		{"the certificate of another authority", logged, func(m *making) { m.ca = theirs }, badCert, badCert},
		{"a certificate that is none", unlogged, material(func(m *protobundle.VerificationMaterial) {
			m.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{RawBytes: []byte("MII")}}
		}), "its certificate cannot be read: x509: malformed certificate", "its certificate cannot be read: x509: malformed certificate"},
		{"a certificate without bytes", unlogged, material(func(m *protobundle.VerificationMaterial) {
			m.Content = &protobundle.VerificationMaterial_Certificate{Certificate: &protocommon.X509Certificate{}}
		}), noCert, noCert},
		{"used after its end", logged, func(m *making) { m.from, m.to = m.at.Add(-time.Hour), m.at.Add(-time.Minute) }, ended, ended},
		{"used before its start", logged, func(m *making) { m.from, m.to = m.at.Add(time.Minute), m.at.Add(time.Hour) }, ended, ended},
		{"no timestamp", logged, func(m *making) { m.clock = nil }, noTime, noTime},
		{"expired, and no timestamp", logged, func(m *making) {
			m.clock, m.from, m.to = nil, m.at.Add(-time.Hour), m.at.Add(-time.Minute)
		}, noTime, noTime},
		{"a timestamp of another authority", logged, func(m *making) { m.clock = theirs }, badTime, badTime},
		{"a timestamp that is none", logged, material(func(m *protobundle.VerificationMaterial) {
			m.TimestampVerificationData.Rfc3161Timestamps[0].SignedTimestamp = []byte("noon")
		}), badTime, badTime},
		{"a timestamp of another signature", logged, material(func(m *protobundle.VerificationMaterial) {
			m.TimestampVerificationData.Rfc3161Timestamps[0].SignedTimestamp = ours.Stamp([]byte("other"), time.Now())
		}), badTime, badTime},
		{"another workflow", logged, func(m *making) { m.subject += "-pr" }, strings.Replace(notAccepted, workflow, workflow+"-pr", 1), ""},
		{"another issuer", logged, func(m *making) { m.issuer = "https://gitlab.com" }, strings.Replace(notAccepted, issuer, "https://gitlab.com", 1), ""},
		{"about another image", logged, func(m *making) { m.payload = moved }, anotherSays, ""},
		{"a statement of a version to come", logged, func(m *making) {
			m.payload = strings.Replace(m.payload, "Statement/v0.1", "Statement/v2", 1)
		}, `statement type "https://in-toto.io/Statement/v2" is not in-toto v0.1 or v1`, ""},
		{"no statement", logged, func(m *making) { m.payload = `"hello"` }, "its payload is no in-toto statement", ""},
		{"two subjects", logged, func(m *making) {
			m.payload = strings.Replace(m.payload, `"subject"`, `"subject":[],"subject"`, 1)
		}, "its payload is no in-toto statement", ""},
	}
	withoutLog := trustIdentity(t, trustedRoot(t, ours, sigstoretest.Root{NoLog: true}))
	withLog := trustIdentity(t, trustedRoot(t, ours, sigstoretest.Root{}))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wants(t, keyless(t, ours, test.log, test.forge), withoutLog, test.says)
			if test.saysLogged != "" {
				wants(t, keyless(t, ours, test.forge), withLog, test.saysLogged)
			}
		})
	}
	believed(t, keyless(t, ours), withLog)
	believed(t, keyless(t, ours, unlogged), withoutLog)
}

// An attestation that was made for another image stays one about that image,
// however it got here.
func TestAnAttestationThatWasMovedIsNotBelieved(t *testing.T) {
	d, key := sigstoretest.New(t), privateKey(t)
	moved := func(m *making) { m.payload = statementAbout(hexOfAnother) }
	wants(t, keyless(t, d, moved), trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{})), anotherSays)
	trust, err := verify.TrustKeys(key.Public())
	must(t, err)
	wants(t, byKey(t, d, key, moved), trust, anotherSays)
	wants(t, bare(t, byKey(t, d, key, moved)), trust, anotherSays)
}

func TestALogThatIsAskedFor(t *testing.T) {
	ours, theirs := sigstoretest.New(t), sigstoretest.New(t)
	key := privateKey(t)
	root := trustedRoot(t, ours, sigstoretest.Root{})
	identity := trustIdentity(t, root)
	keys, err := verify.TrustLoggedKeys(root, key.Public())
	must(t, err)
	unlogged := func(m *making) { m.log = nil }
	elsewhere := func(m *making) { m.log = theirs }
	another := byKey(t, ours, key)
	ofAnother := func(m *making) {
		m.change = func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = another.Proof().Material().GetTlogEntries()
		}
	}
	unproven := func(m *making) {
		m.change = func(b *protobundle.Bundle) { b.VerificationMaterial.TlogEntries[0].InclusionProof = nil }
	}
	twice := func(m *making) {
		m.change = func(b *protobundle.Bundle) {
			b.VerificationMaterial.TlogEntries = append(b.VerificationMaterial.TlogEntries, b.VerificationMaterial.TlogEntries[0])
		}
	}
	tests := []struct {
		name  string
		forge func(*making)
		says  string
	}{
		{"no entry", unlogged, noLog},
		{"an entry of another log", elsewhere, otherLog},
		{"an entry of another signature", ofAnother, badLog},
		{"an entry without a proof", unproven, "what vouches for its signature is malformed: inclusion promises missing in bundle (required for bundle v0.1)"},
		{"an entry twice", twice, "its log entry cannot be verified: duplicate tlog entries found"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wants(t, keyless(t, ours, test.forge), identity, test.says)
			wants(t, byKey(t, ours, key, test.forge), keys, test.says)
		})
	}
	believed(t, keyless(t, ours), identity)
	believed(t, byKey(t, ours, key), keys)
	wants(t, bare(t, byKey(t, ours, key)), keys, noLog)
	wants(t, keyless(t, ours), trustIdentity(t, trustedRoot(t, ours, sigstoretest.Root{EntryOf: theirs})), otherLog)

	// Readers that do not ask for a log want a timestamp still, and an entry that is
	// there must hold.
	optional := trustIdentity(t, root.WithoutLog())
	believed(t, keyless(t, ours, unlogged), optional)
	wants(t, keyless(t, ours, unlogged, func(m *making) { m.clock = nil }), optional, noTime)
	wants(t, keyless(t, ours, elsewhere), optional, otherLog)
}

// The entry of a log must be of the trusted key: what somebody else logged, under a
// certificate for that key that anybody can have made, is not what its holder logged.
func TestAnEntryInTheNameOfACertificateIsNotTheKeys(t *testing.T) {
	d, key := sigstoretest.New(t), privateKey(t)
	trust, err := verify.TrustLoggedKeys(trustedRoot(t, d, sigstoretest.Root{}), key.Public())
	must(t, err)
	wants(t, keyless(t, d, func(m *making) { m.key, m.certified, m.ca = key, key.Public(), sigstoretest.New(t) }), trust, badLog)
}

func TestALogHoldsOneSignature(t *testing.T) {
	d, key := sigstoretest.New(t), privateKey(t)
	trust, err := verify.TrustLoggedKeys(trustedRoot(t, d, sigstoretest.Root{}), key.Public())
	must(t, err)
	wants(t, byKey(t, d, key, func(m *making) {
		m.change = func(b *protobundle.Bundle) {
			e := b.GetDsseEnvelope()
			e.Signatures = append([]*protodsse.Signature{{Sig: []byte("x")}}, e.Signatures...)
		}
	}), trust, "it has 2 signatures, and a log holds one")
}

// A key signs without saying who it is. Where a bundle gives the hint of a trusted
// key, a signature that does not fit was meant to be its; without that, nothing
// tells a changed statement from one that a stranger signed.
func TestAForgeryInTheNameOfAKey(t *testing.T) {
	d, key, other := sigstoretest.New(t), privateKey(t), privateKey(t)
	changePayload := func(m *making) {
		m.log = nil
		m.change = func(b *protobundle.Bundle) {
			b.GetDsseEnvelope().Payload = []byte(strings.Replace(m.payload, `"ok"`, `"OK"`, 1))
		}
	}
	byAnother := func(m *making) { m.key, m.log = other, nil }
	for _, keys := range [][]crypto.PublicKey{{key.Public()}, {key.Public(), other.Public()}, {other.Public(), key.Public()}} {
		trust, err := verify.TrustKeys(keys[0], keys[1:]...)
		must(t, err)
		says := "it names a trusted key, whose signature does not fit: " + changed
		wants(t, byKey(t, d, key, changePayload), trust, says)
		wants(t, bare(t, byKey(t, d, key, changePayload)), trust, "not signed by a trusted signer")
		if len(keys) == 1 {
			wants(t, byKey(t, d, key, byAnother), trust, says)
			continue
		}
		// A hint is a hint: a signature by another trusted key is one.
		if v := believed(t, byKey(t, d, key, byAnother), trust); v.Signer() == "" {
			t.Error("nobody signed")
		}
	}
}

// Keys and certificates do not stand in for each other.
func TestKeysAndCertificatesAreNotConfused(t *testing.T) {
	d, theirs, key := sigstoretest.New(t), sigstoretest.New(t), privateKey(t)
	root := trustedRoot(t, d, sigstoretest.Root{})
	identity := trustIdentity(t, root)
	keys, err := verify.TrustKeys(key.Public())
	must(t, err)
	attackers := privateKey(t)
	withCertificate := func(by *sigstoretest.Deployment, subject string) func(*making) {
		return func(m *making) {
			m.change = func(b *protobundle.Bundle) {
				b.VerificationMaterial.Content = certificateOf(by.Certify(attackers.Public(), subject, issuer, m.from, m.to))
			}
		}
	}

	t.Run("signed by certificate, and only keys are trusted", func(t *testing.T) {
		wants(t, keyless(t, d), keys, "not signed by a trusted signer")
	})
	t.Run("signed by key, and only certificates are trusted", func(t *testing.T) {
		wants(t, byKey(t, d, key), identity, noCert)
		wants(t, bare(t, byKey(t, d, key)), identity, noCert)
		wants(t, bare(t, keyless(t, d)), identity, noCert)
	})
	t.Run("signed by key, under a certificate that was put there", func(t *testing.T) {
		for _, by := range []*sigstoretest.Deployment{d, theirs} {
			// The certificate's holder did not sign, so the certificate says nothing ...
			wants(t, byKey(t, d, key, withCertificate(by, workflow), func(m *making) { m.clock = d }),
				trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{NoLog: true, AuthorityOf: by})), certChanged)
			// ... and the trusted key did: the signer is its holder, and not who the certificate is for.
			v := believed(t, byKey(t, d, key, withCertificate(by, "mallory@example.com")), keys)
			if v.Signer() != keys.Signers()[0] || !v.SignedAt().IsZero() {
				t.Errorf("signed by %s at %s", v.Signer(), v.SignedAt())
			}
		}
	})
	t.Run("signed by a stranger, in the name of the key", func(t *testing.T) {
		wants(t, byKey(t, d, attackers), keys, "not signed by a trusted signer")
		wants(t, byKey(t, d, attackers), keys.And(identity), "not signed by a trusted signer")
		wants(t, byKey(t, d, attackers), identity.And(keys), noCert)
	})
	t.Run("whoever is trusted is believed", func(t *testing.T) {
		for _, both := range []verify.Trust{keys.And(identity), identity.And(keys)} {
			believed(t, keyless(t, d), both)
			believed(t, byKey(t, d, key), both)
			wants(t, keyless(t, d, func(m *making) { m.ca = theirs }), both, badCert)
		}
	})
}

func TestNobodyIsTrusted(t *testing.T) {
	d := sigstoretest.New(t)
	wants(t, keyless(t, d), verify.Trust{}, "no signer is trusted")
	wants(t, keyless(t, d), verify.Trust{}.And(verify.Trust{}), "no signer is trusted")
	if _, err := verify.TrustIdentities(verify.Root{}, verify.Identity{Subject: workflow, Issuer: issuer}); err == nil {
		t.Error("certificates of no root are trusted")
	}
	for _, root := range []verify.Root{{}, trustedRoot(t, d, sigstoretest.Root{NoLog: true})} {
		if _, err := verify.TrustLoggedKeys(root, privateKey(t).Public()); err == nil || !strings.Contains(err.Error(), "the trusted root has none") {
			t.Errorf("error %v of a log that is not there", err)
		}
	}
}

// Where the deployment logs its certificates, one that is in no log may have been
// made in secret.
func TestACertificateMustBeLoggedWhereAllAre(t *testing.T) {
	d := sigstoretest.New(t)
	wants(t, keyless(t, d), trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{CertificateLog: true})),
		"its certificate is in no trusted certificate log")
}

// A root without any clock believes no certificate: nothing says when it was used.
func TestARootWithoutAClock(t *testing.T) {
	d := sigstoretest.New(t)
	wants(t, keyless(t, d), trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{NoClock: true})), badTime)
	wants(t, keyless(t, d), trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{NoClock: true, NoLog: true})), badTime)
}

// Sigstore's parser of statements and ours may differ on what one says; both must
// take it, so that neither is told another story than the other.
func TestBothParsersMustTakeTheStatement(t *testing.T) {
	d := sigstoretest.New(t)
	trust := trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{}))
	replace := func(this, by string) func(*making) {
		return func(m *making) { m.payload = strings.Replace(m.payload, this, by, 1) }
	}
	for name, forge := range map[string]func(*making){
		"a second subject, escaped":      replace(`"subject"`, `"\u0073ubject":[],"subject"`),
		"a second subject in capitals":   replace(`"subject"`, `"Subject":[],"subject"`),
		"two digests":                    replace(`"sha256":"`, `"sha256":"`+hexOfAnother+`","sha256":"`),
		"a predicate with a key twice":   replace(`"review":"ok"`, `"review":"no","review":"ok"`),
		"a subject in another form":      replace(`"subject":[`, `"subject":{"0":[`),
		"a field of a statement to come": replace(`"_type"`, `"expires":"never","_type"`),
	} {
		t.Run(name, func(t *testing.T) { wants(t, keyless(t, d, forge), trust, "its payload is no in-toto statement") })
	}
}

// A hostile bundle can put thousands of signatures before each trusted key, and
// pass for the signature of a blob.
func TestTheFormOfABundle(t *testing.T) {
	for raw, says := range map[string]string{
		`{"dsseEnvelope":{"payload":"e30=","payloadType":"` + attest.PayloadType + `","signatures":[{}` + strings.Repeat(",{}", 16) + `]}}`: "more than 16 signatures",
		`{"messageSignature":{"messageDigest":{"algorithm":"SHA2_256","digest":"AA=="},"signature":"AA=="}}`:                                "holds no DSSE envelope",
		`{"dsseEnvelope":{"payload":"e30=","payloadType":"text/plain","signatures":[{}]}}`:                                                  `payload type "text/plain" is not`,
	} {
		if _, err := attest.ParseBundle([]byte(raw)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %q", err, says)
		}
	}
}

func TestAKeyThatNoLogCanHold(t *testing.T) {
	if _, err := verify.TrustLoggedKeys(trustedRoot(t, sigstoretest.New(t), sigstoretest.Root{}), "key"); err == nil {
		t.Error("a text was taken for a key")
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	if _, err := verify.TrustLoggedKeys(trustedRoot(t, sigstoretest.New(t), sigstoretest.Root{}), public); err != nil {
		t.Errorf("an Ed25519 key is refused: %v", err)
	}
}
