package attest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
)

func TestParseOriginRefusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "{}", "null", "[]", `{"kind":"Made"}`, `{"kind":"made","more":1}`, `{"kind":"made"`} {
		if o, err := attest.ParseOrigin(text); err == nil || o.Kind != "" {
			t.Errorf("%q was read as %+v", text, o)
		}
	}
}

func TestOriginIsReadAsItWasWritten(t *testing.T) {
	o := attest.Origin{
		Kind: attest.Made, By: "run", Tools: []attest.Tool{{Name: "hallmark", Version: "v1"}}, ReadAt: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		Inputs: []attest.Input{{Name: "sbom", Digest: "sha256:0", Origin: &attest.Origin{Kind: attest.Brought, Inputs: []attest.Input{{Name: "<a>.json"}}}}},
	}
	text, err := o.Encode()
	if err != nil || !strings.Contains(text, `"<a>.json"`) || strings.Contains(text, "\n") {
		t.Fatalf("%s, error %v", text, err)
	}
	back, err := attest.ParseOrigin(text)
	if again, _ := back.Encode(); err != nil || again != text {
		t.Errorf("%s became %s, error %v", text, again, err)
	}
	if bare, _ := (attest.Origin{Kind: attest.Made}).Encode(); bare != `{"kind":"made"}` {
		t.Errorf("without more it is %s", bare)
	}
}

func TestAnInputThatIsThereTwiceIsNone(t *testing.T) {
	o := attest.Origin{Inputs: []attest.Input{{Name: "sbom", Digest: "a"}, {Name: "image"}, {Name: "sbom", Digest: "b"}}}
	if in, ok := o.Input("sbom"); ok {
		t.Errorf("found %+v", in)
	}
	if _, ok := o.Input("image"); !ok {
		t.Error("the image is not found")
	}
}

func TestWhatIsMadeOfPartsIsMadeIfAllOfThemAre(t *testing.T) {
	part := func(kind attest.OriginKind) attest.Input {
		return attest.Input{Name: "linux/amd64", Origin: &attest.Origin{Kind: kind, Tools: []attest.Tool{{Name: string(kind)}}}}
	}
	for want, parts := range map[attest.OriginKind][][]attest.Input{
		attest.Made:    {{part(attest.Made)}, {part(attest.Made), part(attest.Made)}},
		attest.Brought: {{part(attest.Made), part(attest.Brought)}, {part("")}, {{Name: "linux/arm64"}, part(attest.Made)}},
	} {
		for _, p := range parts {
			if got := attest.Combined(p); got.Kind != want || len(got.Inputs) != len(p) {
				t.Errorf("of %+v: %+v, want %s", p, got, want)
			}
		}
	}
}

func TestDigestOfADocumentIsThatOfItsJSON(t *testing.T) {
	if attest.DocumentDigest([]byte("{\"a\": [1, 2]}\n")) != attest.FileDigest([]byte(`{"a":[1,2]}`)) {
		t.Error("white space counts")
	}
}

func TestDocumentsOfOthersDoNotClaimToBeOurs(t *testing.T) {
	for text, want := range map[string]bool{
		"hallmark:seal": true, "Hallmark:Seal": true, " hallmark:x": true, "a\nhallmark:x": true, "a\r hallmark:x": true, "hallmark:": false,
		"hallmark: a tool": false, "syft:hallmark:x": false, "hallmark": false, "https://hallmark:80": false, "": false,
	} {
		if got := attest.Reserved(text); got != want {
			t.Errorf("%q is reserved: %t", text, got)
		}
		document := fmt.Sprintf(`{"a":[{"b":%q}]}`, text)
		if err := attest.CheckForeign([]byte(document)); (fault.KindOf(err) == fault.Usage) != want || (err != nil) != want {
			t.Errorf("%s: %v", document, err)
		}
	}
}

func TestAKeyThatIsThereTwiceIsRefused(t *testing.T) {
	for document, maps := range map[string]bool{
		`{"a":1,"a":2}`: true, `{"a":1,"\u0061":2}`: true, `{"x":[{"k":1,"j":{"a":[],"a":[]}}]}`: true, `{"a":1,"A":2}`: false, `{"k":1,"K":2}`: false,
	} {
		if err := attest.CheckForeign([]byte(document)); fault.KindOf(err) != fault.Usage {
			t.Errorf("%s: %v", document, err)
		}
		if err := attest.CheckForeignMaps([]byte(document)); (err != nil) != maps {
			t.Errorf("%s with free keys: %v", document, err)
		}
	}
	for _, document := range []string{`{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, `["a","a"]`, `"a"`, `{}`, `{"a":"a","b":"a"}`} {
		if err := attest.CheckForeign([]byte(document)); err != nil {
			t.Errorf("%s: %v", document, err)
		}
	}
	if attest.CheckForeign([]byte(`{"a":`)) == nil {
		t.Error("a document that is cut short passes")
	}
}

func TestAScanThatWasBroughtSaysSo(t *testing.T) {
	from := attest.Input{Name: "scan.json", Digest: "sha256:0"}
	const brought = `{"kind":"brought","inputs":[{"name":"scan.json","digest":"sha256:0"}]}`
	for document, want := range map[string]string{
		`{"a":1,"scanner":{"result":{"b":2,"origin":{"kind":"made"}}}}`: `{"a":1,"scanner":{"result":{"b":2,"origin":` + brought + `}}}`,
		`{"Scanner":{"RESULT":{"Origin":null}}}`:                        `{"scanner":{"result":{"origin":` + brought + `}}}`,
		`{ "scanner":{"result":[]}}`:                                    `{ "scanner":{"result":[]}}`,
		`{"scanner":{"result":{ }}}`:                                    `{"scanner":{"result":{ }}}`,
		`{"scanner":"x"}`:                                               `{"scanner":"x"}`,
		`{"origin":{}}`:                                                 `{"origin":{}}`,
	} {
		if got, err := attest.BroughtScan([]byte(document), from); err != nil || string(got) != want {
			t.Errorf("%s became %s, error %v", document, got, err)
		}
	}
	for _, document := range []string{`{"scanner":{},"Scanner":{"result":{"origin":{}}}}`, `{"scanner":{"result":{"origin":1,"ORIGIN":2}}}`} {
		if got, err := attest.BroughtScan([]byte(document), from); err == nil {
			t.Errorf("%s became %s", document, got)
		}
	}
}

func FuzzCheckForeignAgreesWithItself(f *testing.F) {
	f.Add(`{"a":[1,{"hallmark:x":null}]}`)
	f.Add(`{"a":"\u0048allmark:x"}`)
	f.Add("]")
	f.Fuzz(func(t *testing.T, document string) {
		free, folded := attest.CheckForeignMaps([]byte(document)), attest.CheckForeign([]byte(document))
		if free != nil && folded == nil {
			t.Errorf("%q passes the stricter check, and not the other: %v", document, free)
		}
	})
}
