package image_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"

	"github.com/hallmark-ci/hallmark/internal/artifact"
	"github.com/hallmark-ci/hallmark/internal/image"
	"github.com/hallmark-ci/hallmark/internal/store"
)

func policySet(t *testing.T) artifact.Packed {
	t.Helper()
	set, err := artifact.Pack([]artifact.File{
		{Name: "a.rego", Type: artifact.PolicyType, Text: []byte("package sigstore\nisCompliant = true\n")},
		{Name: "data.json", Type: artifact.DataType, Text: []byte(`{"params":{}}`)},
	})
	must(t, err)
	return set
}

// What a registry gives in place of a set of policies is refused, whatever it is.
func TestFilesRefuses(t *testing.T) {
	set := policySet(t)
	first := set.Blobs[1].Descriptor.Digest.String()
	for _, c := range []struct {
		name   string
		path   string
		answer func(w http.ResponseWriter)
		want   string
	}{
		{"a file that is not there", first, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, "has no such"},
		{"another file", first, func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte("x"), len(set.Blobs[1].Content))) }, "error verifying"},
		{"a longer file", first, func(w http.ResponseWriter) { _, _ = w.Write(bytes.Repeat([]byte("x"), 5000)) }, "not of the"},
		{"a file without end", first, func(w http.ResponseWriter) {
			for range 100 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, "not of the"},
		{"another manifest", set.Digest(), func(w http.ResponseWriter) { _, _ = w.Write([]byte("{}")) }, "does not match"},
	} {
		t.Run(c.name, func(t *testing.T) {
			host := serve(t, instead(http.MethodGet, c.path, c.answer))
			registry, reference := put(t, host, set)
			subject, err := registry.Resolve(t.Context(), reference)
			must(t, err)
			files, err := registry.Files(t.Context(), subject)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want %q, have %v and %v", c.want, err, files)
			}
		})
	}
	host := serve(t)
	push(t, host+"/team/image:v1", empty.Image)
	registry := image.NewRegistry(image.Access{}.Connect(), image.DefaultLimits())
	subject, err := registry.Resolve(t.Context(), host+"/team/image:v1")
	must(t, err)
	if _, err := registry.Files(t.Context(), subject); err == nil || !strings.Contains(err.Error(), "a set of policies is of") {
		t.Error(err)
	}
}

// put writes a set as policy push does.
func put(t *testing.T, host string, set artifact.Packed) (*image.Registry, string) {
	t.Helper()
	access := image.Access{}
	repository, err := name.NewRepository(host + "/team/policies")
	must(t, err)
	artifacts := store.NewArtifacts(access.Connect().RemoteOptions())
	digest, err := artifacts.Put(t.Context(), repository, set)
	must(t, err)
	must(t, artifacts.Name(t.Context(), repository.Tag("v1"), set))
	return image.NewRegistry(access.Connect(), image.DefaultLimits()), digest.String()
}

func TestFiles(t *testing.T) {
	set := policySet(t)
	registry, pinned := put(t, serve(t), set)
	repository, _, _ := strings.Cut(pinned, "@")
	for _, reference := range []string{pinned, repository + ":v1"} {
		subject, err := registry.Resolve(t.Context(), reference)
		must(t, err)
		if subject.Digest().DigestStr() != set.Digest() {
			t.Errorf("%s is %s", reference, subject)
		}
		files, err := registry.Files(t.Context(), subject)
		must(t, err)
		again, err := artifact.Pack(files)
		must(t, err)
		if again.Digest() != set.Digest() {
			t.Errorf("read back it is %s, not %s", again.Digest(), set.Digest())
		}
	}
}
