package artifact_test

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/artifact"
)

func policyFile(name, text string) artifact.File {
	return artifact.File{Name: name, Type: artifact.PolicyType, Text: []byte(text)}
}

func TestPackRefuses(t *testing.T) {
	one := policyFile("a.rego", "package sigstore")
	for _, c := range []struct {
		name  string
		files []artifact.File
		want  string
	}{
		{"nothing", nil, "it holds no file"},
		{"two of a name", []artifact.File{one, one}, "two of its files are called a.rego"},
		{"a path that leads out", []artifact.File{policyFile("../a.rego", "")}, `the name of a file is "../a.rego"`},
		{"an absolute path", []artifact.File{policyFile("/etc/a.rego", "")}, `the name of a file is "/etc/a.rego"`},
		{"no name", []artifact.File{policyFile("", "")}, `the name of a file is ""`},
		{"a name that rings", []artifact.File{policyFile("a\a.rego", "")}, `the name of a file is "a.rego"`},
		{"a name that turns text round", []artifact.File{policyFile("\u202ea.rego", "")}, `the name of a file is "a.rego"`},
		{"a name with a digest", []artifact.File{policyFile("a@sha256:0.rego", "")}, "it must be a path of visible characters"},
		{"a long name", []artifact.File{policyFile(strings.Repeat("a", 200)+".rego", "")}, "at most 200 bytes"},
		{"a policy that is no Rego", []artifact.File{policyFile("a.txt", "")}, "a.txt is of type"},
		{"another type", []artifact.File{{Name: "a.rego", Type: "text/plain"}}, `a.rego is of type "text/plain", which is none of a set of policies`},
		{"a file that is too large", []artifact.File{policyFile("a.rego", strings.Repeat("#", 256<<10+1))}, "a.rego has 262145 bytes, the limit is 262144"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := artifact.Pack(c.files); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, have %v", c.want, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ name, manifest, want string }{
		{"no JSON", "<html>", "its manifest cannot be decoded"},
		{"an image", `{"config":{"mediaType":"application/vnd.oci.image.config.v1+json"},"layers":[{}]}`, `it is of type "application/vnd.oci.image.config.v1+json"`},
		{"another artifact", `{"artifactType":"x/y","layers":[{}]}`, `it is of type "x/y", and a set of policies is of application/vnd.hallmark.policy.v1`},
		{"a negative size", manifestOf(`{"mediaType":"` + artifact.PolicyType + `","size":-1,"annotations":{"org.opencontainers.image.title":"a.rego"}}`), "a.rego has -1 bytes"},
		{"another hash", manifestOf(`{"mediaType":"` + artifact.PolicyType + `","digest":"sha512:` + strings.Repeat("0", 128) + `","annotations":{"org.opencontainers.image.title":"a.rego"}}`), "not of sha256"},
		{"no digest", manifestOf(`{"mediaType":"` + artifact.PolicyType + `","annotations":{"org.opencontainers.image.title":"a.rego"}}`), "not of sha256"},
		{"a long manifest", manifestOf(strings.Repeat(" ", artifact.MaxManifest) + "{}"), "the limit is 1048576 (1 MiB)"},
		{"many files", manifestOf(strings.Repeat("{},", 1000) + "{}"), "it holds 1001 files, the limit is 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := artifact.Parse([]byte(c.manifest)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, have %v", c.want, err)
			}
		})
	}
}

func manifestOf(layers string) string {
	return `{"artifactType":"` + artifact.Type + `","layers":[` + layers + `]}`
}

// The order in which files are named changes nothing, and what is packed is read.
func TestTheSameFilesAreTheSameArtifact(t *testing.T) {
	a, b := policyFile("a.rego", "package sigstore"), policyFile("lib/b.rego", "package hallmark.lib.b")
	data := artifact.File{Name: "data.json", Type: artifact.DataType, Text: []byte(`{}`)}
	one, err := artifact.Pack([]artifact.File{a, b, data})
	if err != nil {
		t.Fatal(err)
	}
	two, err := artifact.Pack([]artifact.File{data, b, a})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Manifest, two.Manifest) || one.Digest() != two.Digest() {
		t.Errorf("%s\n%s", one.Manifest, two.Manifest)
	}
	layers, err := artifact.Parse(one.Manifest)
	if err != nil || len(layers) != 3 {
		t.Fatal(layers, err)
	}
	for i, want := range []string{"a.rego", "data.json", "lib/b.rego"} {
		if layers[i].Name != want {
			t.Errorf("file %d is %s, want %s", i, layers[i].Name, want)
		}
	}
	if len(one.Blobs) != 3 { // the empty config and the empty data are the same bytes
		t.Errorf("%d blobs", len(one.Blobs))
	}
}

// FuzzParse feeds any manifest: what is accepted keeps within the bounds, and its
// names can be shown and written below a folder.
func FuzzParse(f *testing.F) {
	packed, err := artifact.Pack([]artifact.File{policyFile("lib/a.rego", "package sigstore"), {Name: "data.json", Type: artifact.DataType, Text: []byte("{}")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(packed.Manifest)
	for _, seed := range []string{"", "{}", "null", manifestOf(""), manifestOf("{}"), `{"artifactType":"` + artifact.Type + `","layers":null}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, manifest []byte) {
		layers, err := artifact.Parse(manifest)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("the refusal is %q", err)
			}
			return
		}
		var all int64
		for _, l := range layers {
			all += l.Size
			if l.Size < 0 || !filepath.IsLocal(l.Name) || strings.ContainsAny(l.Name, "\n\x1b\\") {
				t.Errorf("accepted %+v", l)
			}
		}
		if len(layers) == 0 || len(layers) > 1000 || all > 32<<20 {
			t.Errorf("accepted %d files of %d bytes", len(layers), all)
		}
	})
}
