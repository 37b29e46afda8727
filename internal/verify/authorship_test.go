package verify_test

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protodsse "github.com/sigstore/protobuf-specs/gen/pb-go/dsse"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

// Whatever somebody without the key adds to an envelope, takes away or writes in
// another way, it stays an attestation of who signed the statement in it.
func TestWhoeverWritesAroundAStatementDoesNotMakeItAnothers(t *testing.T) {
	ours, theirs := newKey(t), newKey(t)
	honest := seal(t, ours, attest.PayloadType, statementAbout(hexOfImage))
	stranger := seal(t, theirs, attest.PayloadType, statementAbout(hexOfImage)).Signatures[0]
	own := honest.Signatures[0]
	sig, err := base64.StdEncoding.DecodeString(own.Sig)
	must(t, err)
	with := func(signatures ...signed) string {
		return toJSON(t, envelope{PayloadType: attest.PayloadType, Payload: honest.Payload, Signatures: signatures})
	}
	plain := with(own)
	for says, raw := range map[string]string{
		"as it was":             plain,
		"junk after it":         with(own, signed{Sig: "anVuaw=="}),
		"junk before it":        with(signed{Sig: "anVuaw=="}, own),
		"no bytes beside it":    with(own, signed{}),
		"a stranger's, too":     with(stranger, own),
		"twice":                 with(own, own),
		"in the name of a key":  with(signed{KeyID: "release", Sig: own.Sig}),
		"spaces":                " \n" + strings.ReplaceAll(plain, `":`, `" : `) + "\n",
		"unknown fields":        strings.Replace(plain, "{", `{"note":{"payload":"x"},`, 1),
		"another alphabet":      with(signed{Sig: base64.URLEncoding.EncodeToString(sig)}),
		"lines in base64":       with(signed{Sig: own.Sig[:8] + "\n" + own.Sig[8:]}),
		"a field in other case": strings.Replace(plain, `"payload"`, `"PAYLOAD"`, 1),
	} {
		e, err := attest.ParseEnvelope([]byte(raw))
		must(t, err)
		if st, ok := trustIn(t, ours).Wrote(e, subject(t)); !ok || st.PredicateType == "" {
			t.Errorf("%s: it is another's", says)
		}
	}
	for says, raw := range map[string]string{
		"a stranger's":  with(stranger),
		"another image": toJSON(t, seal(t, ours, attest.PayloadType, statementAbout(hexOfAnother))),
		"another type":  strings.Replace(toJSON(t, seal(t, ours, "text/plain", statementAbout(hexOfImage))), "text/plain", attest.PayloadType, 1),
		"changed":       strings.Replace(plain, honest.Payload, encode(strings.Replace(statementAbout(hexOfImage), `"ok"`, `"OK"`, 1)), 1),
		"no signature":  with(signed{}),
	} {
		e, err := attest.ParseEnvelope([]byte(raw))
		must(t, err)
		if _, ok := trustIn(t, ours).Wrote(e, subject(t)); ok {
			t.Errorf("%s: it is ours", says)
		}
	}
	if _, ok := (verify.Trust{}).Wrote(parse(t, honest), subject(t)); ok {
		t.Error("it is nobody's")
	}
}

// What vouches for a signature by certificate can be taken away, too.
func TestWhatVouchesDoesNotSayWhoWrote(t *testing.T) {
	d, other := sigstoretest.New(t), sigstoretest.New(t)
	root := trustedRoot(t, d, sigstoretest.Root{})
	logged, err := verify.TrustLoggedIdentities(root, verify.Identity{Subject: workflow, Issuer: issuer})
	must(t, err)
	forges := map[string]func(*making){
		"as it was":                   func(*making) {},
		"no entry in a log":           func(m *making) { m.log = nil },
		"no time":                     func(m *making) { m.clock, m.log = nil, nil },
		"the time of another":         func(m *making) { m.clock = other },
		"used after it ended":         func(m *making) { m.at = m.to.Add(time.Hour) },
		"an entry of another":         func(m *making) { m.log = other },
		"of another signer":           func(m *making) { m.subject = "https://example.com/other" },
		"of an authority of nobody's": func(m *making) { m.ca = other },
		"signed by another key":       func(m *making) { m.key, m.log = privateKey(t), nil },
		"about another image":         func(m *making) { m.payload = statementAbout(hexOfAnother) },
		"without its certificate":     func(m *making) { m.change = func(b *protobundle.Bundle) { b.VerificationMaterial.Content = nil } },
		"with a second signature":     junkSignature,
	}
	others := []string{
		"of another signer", "of an authority of nobody's", "signed by another key", "about another image", "without its certificate",
	}
	for says, forge := range forges {
		want := !strings.Contains(strings.Join(others, "; "), says)
		if _, ok := logged.Wrote(keyless(t, d, forge), subject(t)); ok != want {
			t.Errorf("%s: written by the signer: %v, want %v", says, ok, want)
		}
	}
	key := privateKey(t)
	keys, err := verify.TrustLoggedKeys(root, key.Public())
	must(t, err)
	unlogged := byKey(t, d, key, func(m *making) { m.log = nil })
	wants(t, unlogged, keys, noLog)
	if _, ok := keys.Wrote(unlogged, subject(t)); !ok {
		t.Error("an attestation that no log holds is another's")
	}
	withoutLog := trustedRoot(t, d, sigstoretest.Root{NoLog: true})
	if _, err := verify.TrustLoggedIdentities(withoutLog, verify.Identity{Subject: workflow, Issuer: issuer}); err == nil {
		t.Error("a log is asked for that the root does not have")
	}
}

func junkSignature(m *making) {
	m.change = func(b *protobundle.Bundle) {
		e := b.GetDsseEnvelope()
		e.Signatures = append(e.Signatures, &protodsse.Signature{Sig: []byte("junk")})
	}
}

// A refusal blames the signer where the signer is the reason, and nowhere else.
func TestWhatARefusalBlames(t *testing.T) {
	d, other := sigstoretest.New(t), sigstoretest.New(t)
	trust := trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{}))
	for says, forged := range map[string]struct {
		forge  func(*making)
		signer bool
		wants  string
	}{
		"another signer":       {func(m *making) { m.subject = "https://example.com/other" }, true, "signed by https://example.com/other (issuer " + issuer + "), who is not an accepted signer"},
		"a key":                {func(m *making) { m.subject = "" }, true, "not signed by a trusted signer: it comes without a certificate"},
		"an ended certificate": {func(m *making) { m.at = m.to.Add(time.Hour); m.log = nil }, false, ended},
		"another authority":    {func(m *making) { m.ca = other }, false, "its certificate is of no trusted authority"},
		"no time":              {func(m *making) { m.clock, m.log = nil, nil }, false, noTime},
		"no log":               {func(m *making) { m.log = nil }, false, noLog},
		"another image":        {func(m *making) { m.payload = statementAbout(hexOfAnother) }, false, "statement is about another image"},
	} {
		root := trustedRoot(t, d, sigstoretest.Root{})
		if forged.wants == noTime || strings.Contains(says, "ended") {
			root = root.WithoutLog()
		}
		_, err := verify.Verify(keyless(t, d, forged.forge), subject(t), trustIdentity(t, root))
		if err == nil || !strings.HasPrefix(err.Error(), forged.wants) || verify.WrongSigner(err) != forged.signer {
			t.Errorf("%s: %v, blames the signer: %v", says, err, verify.WrongSigner(err))
		}
	}
	_, err := verify.Verify(parse(t, seal(t, newKey(t), attest.PayloadType, statementAbout(hexOfImage))), subject(t), trust)
	if !verify.WrongSigner(err) {
		t.Errorf("%v does not blame the signer", err)
	}
}

// A signature that names another key than its own is not tried, and that is told.
func TestASignatureInAnotherName(t *testing.T) {
	ours := newKey(t)
	e := seal(t, ours, attest.PayloadType, statementAbout(hexOfImage))
	e.Signatures[0].KeyID = "release"
	raw, err := json.Marshal(e)
	must(t, err)
	parsed, err := attest.ParseEnvelope(raw)
	must(t, err)
	wants(t, parsed, trustIn(t, ours), "not signed by a trusted signer: a trusted key made its signature, which names another key (keyid)")
}
