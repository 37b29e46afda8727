package e2e_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// Every verifier is given the same forged images, and docs/forgeries.md tells what
// each says. Hallmark must refuse all of them, for the reason that it gives there.
// With -update the file is written.
func TestForgeriesAreAsDocumented(t *testing.T) {
	f := newForging(t)
	tables := map[string]*strings.Builder{}
	for _, form := range []string{"att", "bundle"} {
		tables[form] = &strings.Builder{}
		for _, forged := range forgeries() {
			if forged.form != "" && forged.form != form {
				continue
			}
			t.Run(form+", "+forged.name, func(t *testing.T) {
				f := forging{interop: interop{place: f.in(t), sigstore: f.sigstore, words: f.words}, signer: f.signer, stranger: f.stranger}
				fmt.Fprintf(tables[form], "| %s | %s |\n", forged.name, strings.Join(f.judged(form, forged), " | "))
			})
		}
	}
	if t.Failed() {
		return
	}
	f.documented("forgeries.md", "forgeries", f.forgeryPage(tables))
}

// forging is where attestations are forged: the signer is trusted, the stranger is
// not.
type forging struct {
	interop
	signer, stranger world.Forger
}

// forgery is a way to attach what should not be believed.
type forgery struct {
	name     string
	form     string                   // the only one in which it is tried, or empty
	believed bool                     // whether there is something that Hallmark should believe
	scans    bool                     // whether a policy about scans is asked
	unread   bool                     // whether something is there that cannot be read
	code     int                      // that Hallmark refuses it with; 0: 4, or 3 of scans
	ask      func(tool string) string // how a reader is asked; nil: to verify it
	image    func(f forging) string   // makes what it is attached to; nil: an image without anything
	attach   func(f forging, form, image string)
}

func forgeries() []forgery {
	one := func(forge func(f forging, image string) world.Envelope) func(forging, string, string) {
		return func(f forging, form, image string) { f.attach(form, image, f.encode(form, forge(f, image))) }
	}
	return append([]forgery{
		{name: "nothing: a genuine attestation", believed: true, attach: one(func(f forging, image string) world.Envelope { return f.genuine(image) })},
		{name: "its payload was changed after signing", attach: one(func(f forging, image string) world.Envelope {
			e := f.sign(f.signer, world.PayloadType, statement(image, typeOfOurOwn, `{"by":"nobody"}`))
			e.Payload = bytes.Replace(e.Payload, []byte("nobody"), []byte("the release team"), 1)
			return e
		})},
		{name: "another key signed it", attach: one(func(f forging, image string) world.Envelope {
			return f.sign(f.stranger, world.PayloadType, statement(image, typeOfOurOwn, approved))
		})},
		{name: "it was made for another image, and moved here", attach: one(func(f forging, _ string) world.Envelope {
			return f.sign(f.signer, world.PayloadType, statement(f.bare("origin-"+f.unique()), typeOfOurOwn, approved))
		})},
		{name: "the signer itself gave the digest of something else", attach: one(func(f forging, image string) world.Envelope {
			repository, _, _ := strings.Cut(image, "@")
			return f.sign(f.signer, world.PayloadType, statement(repository+"@sha256:"+strings.Repeat("0", 64), typeOfOurOwn, approved))
		})},
		{name: "the signer signed it as another type of payload", attach: one(func(f forging, image string) world.Envelope {
			return f.sign(f.signer, "text/plain", statement(image, typeOfOurOwn, approved))
		})},
		{name: "the same, and the envelope names the right type", attach: one(func(f forging, image string) world.Envelope {
			e := f.sign(f.signer, "text/plain", statement(image, typeOfOurOwn, approved))
			e.PayloadType = world.PayloadType
			return e
		})},
		{name: "it is cut off in the middle", attach: func(f forging, form, image string) {
			whole := f.encode(form, f.genuine(image))
			f.attach(form, image, whole[:len(whole)/2])
		}},
		{name: "it is cut off in the middle, beside a genuine one", believed: true, attach: func(f forging, form, image string) {
			whole := f.encode(form, f.genuine(image))
			f.attach(form, image, whole[:len(whole)/2], whole)
		}},
		{name: "999 of another key, and then a genuine one", form: "att", believed: true, attach: func(f forging, form, image string) {
			f.attach(form, image, append(f.strangers(form, image, 999), f.encode(form, f.genuine(image)))...)
		}},
		{name: "something else that says it is a bundle, beside a genuine attestation", form: "att", believed: true, attach: func(f forging, form, image string) {
			f.attach(form, image, f.encode(form, f.genuine(image)))
			f.attach("bundle", image, []byte(`{"bomFormat":"CycloneDX"}`))
		}},
		{name: "a genuine bundle that says it is something else", form: "bundle", attach: func(f forging, form, image string) {
			f.refer(image, "application/vnd.example.sbom", f.encode(form, f.genuine(image)))
		}},
		{name: "a junk signature beside the signer's", believed: true, attach: one(func(f forging, image string) world.Envelope { return f.withJunk(f.genuine(image)) })},
		{name: "an SBOM that Hallmark made, where a policy wants that", believed: true, ask: askMade, form: "att", attach: one(func(f forging, image string) world.Envelope {
			return f.sign(f.signer, world.PayloadType, statement(image, typeCycloneDX, sbomWith(`{"kind":"made"}`)))
		})},
		{name: "an SBOM that was brought, with a seal that was worked out anew", code: 3, ask: askMade, form: "att", attach: one(func(f forging, image string) world.Envelope {
			return f.sign(f.signer, world.PayloadType, statement(image, typeCycloneDX, sbomWith(`{"kind":"brought"}`)))
		})},
		{name: "an old clean scan beside a new one with critical findings", scans: true, form: "att", attach: func(f forging, form, image string) {
			clean, critical := f.scans(form, image)
			f.attachAs(form, image, typeVuln, clean, critical)
		}},
		{name: "the same, and the annotations say that they are something else", scans: true, form: "att", attach: func(f forging, form, image string) {
			clean, critical := f.scans(form, image)
			f.attach(form, image, clean, critical)
		}},
		{name: "the same, and the old one has a junk signature besides", scans: true, form: "att", attach: func(f forging, form, image string) {
			_, critical := f.scans(form, image)
			old := f.withJunk(f.sign(f.signer, world.PayloadType, statement(image, typeVuln, scanOf("2026-01-01", 0))))
			f.attachAs(form, image, typeVuln, f.encode(form, old), critical)
		}},
		{name: "an old clean scan, 1,001 of another key, and a new scan with critical findings", scans: true, form: "bundle", attach: func(f forging, form, image string) {
			clean, critical := f.scans(form, image)
			f.attachAs(form, image, typeVuln, clean)
			f.attach(form, image, f.strangers(form, image, 1001)...)
			f.attachAs(form, image, typeVuln, critical)
		}},
		{name: "an old clean scan beside bundles of 640 MiB that cannot be read", scans: true, unread: true, form: "bundle", attach: func(f forging, form, image string) {
			clean, _ := f.scans(form, image)
			f.attachAs(form, image, typeVuln, clean)
			f.attachClaiming(image, 5, 128<<20)
		}},
		hiddenInAnIndex(),
	}, besideForgeries()...)
}
