package attest_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

func TestParseStatementRefusesWhatIsNoStatement(t *testing.T) {
	const whole = `{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"t","subject":[{"digest":{"sha256":"00"}}],"predicate":{}}`
	tests := []struct {
		name, payload string
		says          string
	}{
		{"nothing", "", "decoding the statement"},
		{"text", "hello", "decoding the statement"},
		{"null", "null", `statement type ""`},
		{"an array", "[" + whole + "]", "decoding the statement"},
		{"cut short", whole[:len(whole)-1], "decoding the statement"},
		{"two statements", whole + whole, "decoding the statement: "},
		{"text behind it", whole + " x", "decoding the statement: "},
		{"a closing brace behind it", whole + "}", "decoding the statement: "},
		{"no type", strings.Replace(whole, "_type", "kind", 1), `statement type ""`},
		{"a version to come", strings.Replace(whole, "v0.1", "v2", 1), `"https://in-toto.io/Statement/v2" is not in-toto v0.1 or v1`},
		{"a hostile type", strings.Replace(whole, "https://in-toto", `\u001b[31m\u202e`+strings.Repeat("x", 1<<20), 1), `statement type "[31mxxx`},
		{"a type that only starts right", strings.Replace(whole, "v0.1", "v0.1/", 1), "is not in-toto"},
		{"no predicate type", strings.Replace(whole, `"t"`, `""`, 1), "no predicateType"},
		{"a predicate type that is no string", strings.Replace(whole, `"t"`, `7`, 1), "decoding the statement"},
		{"no subject", strings.Replace(whole, `[{"digest":{"sha256":"00"}}]`, `[]`, 1), "no subject"},
		{"a null subject", strings.Replace(whole, `[{"digest":{"sha256":"00"}}]`, `null`, 1), "no subject"},
		{"a digest that is no string", strings.Replace(whole, `"00"`, `0`, 1), "decoding the statement's subject"},
		{"two subjects in two fields", strings.Replace(whole, `"subject"`, `"subject":[{"digest":{"sha256":"ff"}}],"subject"`, 1), `it has the key "subject" twice`},
		{"a second subject in other letters", strings.Replace(whole, `"subject"`, `"Subject":[],"subject"`, 1), `it has the key "subject" twice`},
		{"a second subject in old letters", strings.Replace(whole, `"subject"`, `"ſubject":[],"subject"`, 1), `it has the key "subject" twice`},
		{"a second subject, escaped", strings.Replace(whole, `"subject"`, `"\u0073ubject":[],"subject"`, 1), `it has the key "subject" twice`},
		{"two predicates", strings.Replace(whole, `"predicate"`, `"predicate":[],"predicate"`, 1), `it has the key "predicate" twice`},
		{"two types", strings.Replace(whole, `"_type"`, `"_type":"","_type"`, 1), `it has the key "_type" twice`},
		{"two digests", strings.Replace(whole, `"sha256"`, `"sha256":"ff","sha256"`, 1), `decoding the statement's subject: it has the key "sha256" twice`},
		{"two fields of digests", strings.Replace(whole, `"digest"`, `"digest":{},"digest"`, 1), `it has the key "digest" twice`},
		{"a subject that is no list", strings.Replace(whole, `[{"digest":{"sha256":"00"}}]`, `{}`, 1), "decoding the statement's subject"},
		{"a subject that is no object", strings.Replace(whole, `{"digest":{"sha256":"00"}}`, `"x"`, 1), "decoding the statement's subject: it is not a JSON object"},
		{"a key in other letters", strings.Replace(whole, "predicateType", "predicatetype", 1), "no predicateType"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := attest.ParseStatement([]byte(test.payload))
			refused(t, err, test.says)
		})
	}
	for _, payload := range []string{whole + " \n", strings.Replace(whole, "v0.1", "v1", 1)} {
		if _, err := attest.ParseStatement([]byte(payload)); err != nil {
			t.Errorf("%s is refused: %v", payload, err)
		}
	}
}

func TestAStatementIsAboutItsSubjectsByDigestOnly(t *testing.T) {
	s := subject(t)
	tests := []struct {
		name   string
		digest map[string]string
		want   bool
	}{
		{"no digest", nil, false},
		{"another digest", map[string]string{"sha256": strings.Repeat("f", 64)}, false},
		{"the digest under another algorithm", map[string]string{"sha512": s.Hex()}, false},
		{"the digest with its algorithm", map[string]string{"sha256": "sha256:" + s.Hex()}, false},
		{"the digest cut short", map[string]string{"sha256": s.Hex()[:63]}, false},
		{"the digest under another name", map[string]string{"sha256": s.Hex()}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			st := attest.Statement{Subjects: []attest.StatementSubject{
				{Name: s.Repository()},
				{Name: "elsewhere.example/copy", Digest: test.digest},
			}}
			if got := st.About(s); got != test.want {
				t.Errorf("About = %v, want %v", got, test.want)
			}
		})
	}
}

func TestAStatementWithoutAPredicateCannotBeEncodedWrongly(t *testing.T) {
	st := attest.NewStatement(subject(t), attest.Predicate{Type: "https://example.com/review/v1", Body: json.RawMessage("{")})
	_, err := st.Encode()
	refused(t, err, "encoding the statement of type https://example.com/review/v1")
}

// The bytes are those that cosign makes: the order of the fields, the name of
// the subject, nothing escaped that JSON does not ask for.
func TestEncode(t *testing.T) {
	p, err := attest.NewPredicate("https://example.com/review/v1",
		[]byte(`{ "z": "<script>&</script>", "a": [1, 2.50, "\u00e9"] }`), noon())
	must(t, err)
	custom, err := attest.NewPredicate(attest.TypeCustom, []byte(`{"key": "value"}`), noon())
	must(t, err)
	for file, p := range map[string]attest.Predicate{"statement.json": p, "custom.json": custom} {
		encoded, err := attest.NewStatement(subject(t), p).Encode()
		must(t, err)
		golden(t, file, encoded)
		back, err := attest.ParseStatement(encoded)
		must(t, err)
		if back.Type != attest.StatementV01 || back.PredicateType != p.Type || !back.About(subject(t)) {
			t.Errorf("read back as %+v", back)
		}
	}
}

func TestASubjectIsPinnedWithSHA256(t *testing.T) {
	sha512, err := name.NewDigest("registry.example/app@sha512:" + strings.Repeat("0", 128))
	if err == nil { // a client that knows more algorithms than in-toto subjects are made with
		_, err = attest.NewSubject(sha512, "registry.example/app")
	}
	if err == nil {
		t.Error("a subject was pinned with sha512")
	}
	_, err = attest.NewSubject(name.Digest{}, "registry.example/app")
	refused(t, err, "want a sha256 digest")

	s := subject(t)
	if s.Repository() != "registry.example/team/app" || len(s.Hex()) != 64 || s.Requested() != "registry.example/team/app:1" {
		t.Errorf("got %q %q %q", s.Repository(), s.Hex(), s.Requested())
	}
	if s.String() != s.Repository()+"@sha256:"+s.Hex() || s.Digest().String() != s.String() {
		t.Errorf("pinned as %s", s)
	}
}

func FuzzParseStatement(f *testing.F) {
	encoded, err := attest.NewStatement(subject(f), attest.Predicate{Type: attest.TypeVuln, Body: json.RawMessage(`{"a":[1]}`)}).Encode()
	must(f, err)
	f.Add(encoded)
	f.Add([]byte(`{"_type":"https://in-toto.io/Statement/v1","predicateType":"t","subject":[{}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		st, err := attest.ParseStatement(payload)
		if err != nil {
			return
		}
		if st.PredicateType == "" || len(st.Subjects) == 0 {
			t.Errorf("accepted %q", payload)
		}
		encoded, err := st.Encode()
		must(t, err)
		back, err := attest.ParseStatement(encoded)
		must(t, err)
		if back.Type != st.Type || back.PredicateType != st.PredicateType || len(back.Subjects) != len(st.Subjects) {
			t.Errorf("%q became %q", payload, encoded)
		}
	})
}
