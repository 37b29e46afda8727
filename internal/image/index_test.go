package image_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/image"
)

// rawIndex is a manifest of an index, to be pushed as it is.
type rawIndex []byte

func (m rawIndex) RawManifest() ([]byte, error)        { return m, nil }
func (m rawIndex) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }

// indexOf is an index of the entries, whatever they say.
func indexOf(t *testing.T, entries ...v1.Descriptor) rawIndex {
	t.Helper()
	raw, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: entries})
	must(t, err)
	return raw
}

func pushIndex(t *testing.T, reference string, entries ...v1.Descriptor) {
	t.Helper()
	push(t, reference, indexOf(t, entries...))
}

// entry pushes an image and returns what an index says of it.
func entry(t *testing.T, host string, img v1.Image, platform string) v1.Descriptor {
	t.Helper()
	push(t, host+"/app@"+digestOf(t, img), img)
	size, err := img.Size()
	must(t, err)
	digest, err := img.Digest()
	must(t, err)
	mediaType, err := img.MediaType()
	must(t, err)
	e := v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}
	if platform != "" {
		e.Platform, err = v1.ParsePlatform(platform)
		must(t, err)
	}
	return e
}

// saying is an image of one layer with a text in it.
func saying(t *testing.T, text string) v1.Image {
	t.Helper()
	return imageOf(t, honest(t, archive(t, text)))
}

// configured is an image whose config says what it is for.
func configured(t *testing.T, img v1.Image, os, architecture string) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	must(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = os, architecture
	img, err = mutate.ConfigFile(img, config)
	must(t, err)
	return img
}

// attested is an entry of an attestation as BuildKit makes it.
func attested(t *testing.T, host string, of v1.Descriptor) v1.Descriptor {
	t.Helper()
	statement := static.NewLayer([]byte("provenance of "+of.Digest.String()), "application/vnd.in-toto+json")
	e := entry(t, host, imageOf(t, statement), "unknown/unknown")
	e.Annotations = map[string]string{
		"vnd.docker.reference.type":   "attestation-manifest",
		"vnd.docker.reference.digest": of.Digest.String(),
	}
	return e
}

// disguised pushes an image under another media type of its config, and with another
// config if one is given.
func disguised(t *testing.T, host string, img v1.Image, configType types.MediaType, config, platform string) v1.Descriptor {
	t.Helper()
	e := entry(t, host, img, platform)
	m, err := img.Manifest()
	must(t, err)
	m = m.DeepCopy()
	m.Config.MediaType = configType
	if config != "" {
		layer := static.NewLayer([]byte(config), configType)
		repository, err := name.NewRepository(host + "/app")
		must(t, err)
		must(t, remote.WriteLayer(repository, layer))
		m.Config.Digest, m.Config.Size = hash([]byte(config)), int64(len(config))
	}
	raw, err := json.Marshal(m)
	must(t, err)
	push(t, host+"/app@"+hash(raw).String(), rawManifest(raw))
	e.Digest, e.Size = hash(raw), int64(len(raw))
	return e
}

func openAll(t *testing.T, reference string, platforms ...string) (image.Opened, error) {
	t.Helper()
	return anonymous().OpenAll(t.Context(), reference, platforms)
}

// platformsOf lists what was opened, each with the first digits of its digest.
func platformsOf(t *testing.T, o image.Opened) string {
	t.Helper()
	var out []string
	for _, img := range o.Images() {
		if img.Subject().Requested() != img.Subject().String() {
			t.Errorf("%s is requested as %s, which may move", img.Subject(), img.Subject().Requested())
		}
		if got := digestOf(t, img.Content()); got != img.Subject().Digest().DigestStr() {
			t.Errorf("the content of %s is %s", img.Subject(), got)
		}
		out = append(out, img.Platform())
	}
	return strings.Join(out, " ")
}

func TestAPlatformThatCannotBe(t *testing.T) {
	for _, platform := range []string{"", "linux", "amd64", "linux/", "/amd64", "linux//v8", "linux/arm64/", "a/b/c/d", " linux/amd64", "linux/amd64:1:2", "linux/amd64:"} {
		_, err := openAll(t, "localhost:1/app:1", platform)
		refused(t, err, fmt.Sprintf("platform %q is malformed", strings.TrimSpace(platform)))
		if fault.KindOf(err) != fault.Usage || fault.HintOf(err) == "" {
			t.Errorf("%q: kind %v, hint %q", platform, fault.KindOf(err), fault.HintOf(err))
		}
	}
	_, err := openAll(t, "UPPER/case")
	refused(t, err, "is malformed")
}

func TestAPlatformThatIsNotThere(t *testing.T) {
	host := serve(t)
	pushIndex(t, host+"/app:1",
		entry(t, host, saying(t, "amd64"), "linux/amd64"), entry(t, host, saying(t, "v6"), "linux/arm/v6"),
		entry(t, host, saying(t, "v7"), "linux/arm/v7"), entry(t, host, saying(t, "arm64"), "linux/arm64/v8"))
	push(t, host+"/app:plain", configured(t, sample(t), "linux", "amd64"))
	push(t, host+"/app:mute", sample(t))

	const there = "linux/amd64, linux/arm/v6, linux/arm/v7, linux/arm64/v8"
	tests := []struct{ tag, platforms, says string }{
		{"1", "linux/s390x", "platform linux/s390x is asked for, and the index is for " + there},
		{"1", "linux/amd64 windows/amd64", "platform windows/amd64 is asked for, and the index is for " + there},
		{"1", "linux/arm/v5", "platform linux/arm/v5 is asked for"},
		{"1", "linux/arm64/v9", "platform linux/arm64/v9 is asked for"},
		{"1", "linux/amd64:1", "platform linux/amd64:1 is asked for"},
		{"plain", "linux/arm64", "platform linux/arm64 is asked for, and the image is for linux/amd64"},
		{"plain", "linux/amd64 linux/arm64", "platform linux/arm64 is asked for, and the image is for linux/amd64"},
		{"mute", "linux/amd64", "platform linux/amd64 is asked for, and the image is for no platform"},
	}
	for _, test := range tests {
		_, err := openAll(t, host+"/app:"+test.tag, strings.Fields(test.platforms)...)
		refused(t, err, "opening "+host+"/app@sha256:", test.says)
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("%s of %s: kind %v, want usage", test.platforms, test.tag, fault.KindOf(err))
		}
	}
}

// What an index says is believed of nothing that would be read without end, or
// go unseen.
func TestAHostileIndexIsRefused(t *testing.T) {
	var index manifest
	host := serve(t, instead(http.MethodGet, "/manifests/1", func(w http.ResponseWriter) { index.answer(w) }))
	honestEntry := entry(t, host, saying(t, "x"), "linux/amd64")
	with := func(change func(e *v1.Descriptor)) []v1.Descriptor {
		e := *honestEntry.DeepCopy()
		change(&e)
		return []v1.Descriptor{e}
	}
	attestation := attested(t, host, honestEntry)
	inner := mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: saying(t, "x")})
	push(t, host+"/app:inner", inner)
	innerDigest, err := inner.Digest()
	must(t, err)

	tests := []struct {
		name    string
		entries []v1.Descriptor
		says    string
	}{
		{"nothing", nil, "it is an index of no images"},
		{"attestations only", []v1.Descriptor{attestation}, "it is an index of no images"},
		{"thousands", slices.Repeat([]v1.Descriptor{honestEntry}, 5000), "its index lists 5000 manifests"},
		{"hundreds", slices.Repeat([]v1.Descriptor{{MediaType: types.OCIManifestSchema1, Digest: honestEntry.Digest}}, 257), "its index lists 257 manifests, the limit is 256"},
		{"no known size", with(func(e *v1.Descriptor) { e.Size = -1 }), "with -1 bytes"},
		{"an attestation of negative size", []v1.Descriptor{honestEntry, {MediaType: types.OCIManifestSchema1, Size: -7, Digest: honestEntry.Digest}}, "with -7 bytes"},
		{"no type", with(func(e *v1.Descriptor) { e.MediaType = "" }), "its index does not say what " + honestEntry.Digest.String() + " is"},
		{"too large", with(func(e *v1.Descriptor) { e.Size = 4<<20 + 1 }), "its manifest has 4194305 bytes, the limit is 4194304"},
		{"another size", with(func(e *v1.Descriptor) { e.Size++ }), "but its index says"},
		{"another type", with(func(e *v1.Descriptor) { e.MediaType = types.DockerManifestSchema2 }), "but its index says"},
		{"an index", with(func(e *v1.Descriptor) { e.MediaType = types.OCIImageIndex; e.Digest = innerDigest }), "its index lists another index, " + innerDigest.String()},
		{"an index that is called an image", with(func(e *v1.Descriptor) { e.Digest = innerDigest }), `of type "application/vnd.oci.image.index.v1+json", but its index says`},
		{"not there", with(func(e *v1.Descriptor) { e.Digest = hash([]byte("nowhere")) }), "the registry has no such image"},
		{"SHA-512", with(func(e *v1.Descriptor) {
			e.Digest = v1.Hash{Algorithm: "sha512", Hex: strings.Repeat("0", 128)}
		}), "want a sha256 digest"},
		{"an artifact alone", []v1.Descriptor{disguised(t, host, saying(t, "x"), "application/vnd.cncf.helm.config.v1+json", `{"name":"x"}`, "linux/amd64")}, "it is an index of no images"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			index = manifest{string(indexOf(t, test.entries...)), types.OCIImageIndex}
			_, err := openAll(t, host+"/app:1")
			refused(t, err, host+"/app@sha", test.says)
		})
	}
}

// An entry can only name its index if the registry lies about the digest.
func TestAnIndexThatNamesItself(t *testing.T) {
	self := strings.Repeat("0", 64)
	index := manifest{fmt.Sprintf(`{"schemaVersion":2,"manifests":[{"mediaType":%q,"size":1,"digest":"sha256:%s"}]}`, types.OCIManifestSchema1, self), types.OCIImageIndex}
	asked := 0
	host := serve(t, instead(http.MethodGet, "/manifests/1", index.answer), instead(http.MethodGet, "/manifests/sha256:"+self, func(w http.ResponseWriter) {
		asked++
		index.answer(w)
	}))
	_, err := openAll(t, host+"/app:1")
	refused(t, err, "resolving "+host+"/app@sha256:"+self, "does not match requested digest")
	if asked != 1 {
		t.Errorf("it was asked for %d times", asked)
	}
}

// What one tool takes for an image and another for an index is neither.
func TestAManifestOfTwoKinds(t *testing.T) {
	tests := []struct {
		name, content, says string
		mediaType           types.MediaType
	}{
		{"an index with layers", `{"manifests":[],"layers":[]}`, "that of an image and of an index at once", types.OCIImageIndex},
		{"an image with manifests", `{"config":{},"layers":[],"manifests":[]}`, "that of an image and of an index at once", types.OCIManifestSchema1},
		{"an image called an index", `{"mediaType":"application/vnd.oci.image.manifest.v1+json"}`, "its manifest says that it is of type", types.OCIImageIndex},
		{"an index called an image", `{"mediaType":"application/vnd.oci.image.index.v1+json"}`, "its manifest says that it is of type", types.OCIManifestSchema1},
		{"no JSON", `[]`, "its index cannot be read", types.OCIImageIndex},
		{"no image", "hello", `its manifest is of type "text/plain", not a container image`, "text/plain"},
		{"an index without end", `{"manifests":[]` + strings.Repeat(" ", 4<<20) + `}`, "the limit is 4194304 (4 MiB)", types.OCIImageIndex},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			host := serve(t, instead(http.MethodGet, "/manifests/1", manifest{test.content, test.mediaType}.answer))
			_, err := openAll(t, host+"/app:1")
			refused(t, err, "opening "+host+"/app", test.says)
		})
	}
}

// Configs of 8 MiB each are fine, but not any number of them.
func TestManifestsAndConfigsAreBoundedTogether(t *testing.T) {
	host := serve(t)
	var entries []v1.Descriptor
	for i := range 12 {
		config, err := sample(t).ConfigFile()
		must(t, err)
		config = config.DeepCopy()
		config.Author = strings.Repeat(fmt.Sprint(i%10), 7<<20)
		img, err := mutate.ConfigFile(sample(t), config)
		must(t, err)
		entries = append(entries, entry(t, host, img, fmt.Sprintf("linux/%d", i)))
	}
	pushIndex(t, host+"/app:1", entries...)
	_, err := openAll(t, host+"/app:1")
	refused(t, err, "the manifests and configs of the index have over 67108864 bytes")
}

// An image that calls itself an attestation, for a platform that runtimes
// choose, is an image.
func TestAnImageCannotHideAsAnAttestation(t *testing.T) {
	host := serve(t)
	reference := map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
	hidden := entry(t, host, saying(t, "hidden"), "linux/arm64")
	mute := entry(t, host, configured(t, saying(t, "mute"), "linux", "s390x"), "")
	unknown := entry(t, host, saying(t, "unknown"), "unknown/unknown")
	hidden.Annotations, mute.Annotations = reference, reference
	hidden.ArtifactType = "application/vnd.oci.empty.v1+json"
	pushIndex(t, host+"/app:1", hidden, mute, unknown)

	opened, err := openAll(t, host+"/app:1")
	must(t, err)
	if got := platformsOf(t, opened); got != "linux/arm64 linux/s390x unknown/unknown" || len(opened.Attestations()) != 0 {
		t.Errorf("opened %s, attestations %v", got, opened.Attestations())
	}
}

// Whatever a runtime would run is an image, whatever type its config is said to have and
// whatever the index calls it: Docker runs some types that are no image's, and containerd
// looks at no type. What is surely none is an artifact, also for a platform.
func TestWhatIsAnImageItsContentSays(t *testing.T) {
	host := serve(t)
	plainImage := entry(t, host, saying(t, "plain"), "linux/amd64")
	hidden := configured(t, saying(t, "hidden"), "linux", "s390x")
	nothing := configured(t, saying(t, "nothing"), "", "")
	const custom = "application/vnd.example+json"
	annotated := func(e v1.Descriptor) v1.Descriptor {
		e.Annotations = map[string]string{"vnd.docker.reference.type": "attestation-manifest"}
		e.ArtifactType = custom
		return e
	}
	for name, c := range map[string]struct {
		entry v1.Descriptor
		opens string // besides linux/amd64; empty: it is an artifact
	}{
		"octets":                     {disguised(t, host, hidden, "application/octet-stream", "", ""), "linux/s390x"},
		"JSON":                       {disguised(t, host, hidden, "application/json", "", ""), "linux/s390x"},
		"HTML":                       {disguised(t, host, hidden, "text/html", "", ""), "linux/s390x"},
		"no type":                    {disguised(t, host, hidden, "", "", ""), "linux/s390x"},
		"the type of an empty one":   {disguised(t, host, hidden, "application/vnd.oci.empty.v1+json", "", ""), "linux/s390x"},
		"any type":                   {annotated(disguised(t, host, hidden, custom, "", "")), "linux/s390x"},
		"any type, with a platform":  {annotated(disguised(t, host, hidden, custom, "", "linux/arm64")), "linux/arm64"},
		"layers alone":               {disguised(t, host, nothing, custom, "", "linux/arm64"), "linux/arm64"},
		"other letters":              {disguised(t, host, hidden, custom, `{"Architecture":"s390x","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}`, ""), "linux/s390x"},
		"as an attestation":          {annotated(disguised(t, host, hidden, "application/vnd.oci.image.config.v1+json", "", "unknown/unknown")), "unknown/unknown"},
		"an empty config":            {disguised(t, host, hidden, "application/vnd.oci.empty.v1+json", "{}", ""), ""},
		"an index of SOCI":           {annotated(disguised(t, host, hidden, "application/vnd.amazon.soci.index.v2+json", "{}", "linux/amd64")), ""},
		"a config of something else": {disguised(t, host, hidden, "application/json", `{"name":"x","os":"linux"}`, "linux/arm64"), ""},
		"a config that is no JSON":   {disguised(t, host, hidden, custom, "name: x", ""), ""},
	} {
		t.Run(name, func(t *testing.T) {
			pushIndex(t, host+"/app:1", plainImage, c.entry, c.entry)
			opened, err := openAll(t, host+"/app:1")
			must(t, err)
			if got := platformsOf(t, opened); got != strings.TrimSpace("linux/amd64 "+c.opens) {
				t.Errorf("opened %s, want %s besides linux/amd64", got, c.opens)
			}
			if c.opens == "" && !slices.Contains(opened.Artifacts(), about(c.entry, "")) {
				t.Errorf("artifacts are %v", opened.Artifacts())
			}
		})
	}
}

// An entry that is no image by its type, and one by what the registry has, is refused:
// some runtimes go by the registry.
func TestAnImageOfAnotherTypeIsRefused(t *testing.T) {
	host := serve(t)
	image := entry(t, host, saying(t, "x"), "linux/amd64")
	other := entry(t, host, saying(t, "other"), "linux/arm64")
	old := v1.Descriptor{MediaType: types.DockerManifestSchema1Signed, Size: 5, Digest: hash([]byte("hello"))}
	for says, e := range map[string]v1.Descriptor{
		`as "application/vnd.example", and that is the manifest of an image or an index`: {MediaType: "application/vnd.example", Size: other.Size, Digest: other.Digest},
		"an image of Docker's first schema":                                              old,
	} {
		pushIndex(t, host+"/app:1", image, e)
		_, err := openAll(t, host+"/app:1")
		refused(t, err, says, e.Digest.String())
		if fault.KindOf(err) != fault.Undecided {
			t.Errorf("the kind of %v is %v", err, fault.KindOf(err))
		}
	}
}

func TestAJobThatEndsWhileAnIndexIsOpened(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	child := saying(t, "x")
	host := serve(t, instead(http.MethodGet, "/manifests/"+digestOf(t, child), func(http.ResponseWriter) {
		stop(errors.New("the timeout of 10m has passed"))
		<-ctx.Done()
	}))
	pushIndex(t, host+"/app:1", entry(t, host, child, "linux/amd64"))
	_, err := anonymous().OpenAll(ctx, host+"/app:1", nil)
	refused(t, err, "resolving "+host+"/app:1: the timeout of 10m has passed")
}

func TestOpenAllOfOneImage(t *testing.T) {
	host := serve(t)
	img := configured(t, sample(t), "linux", "arm64")
	push(t, host+"/app:1", img)
	for _, platforms := range [][]string{nil, {"all"}, {"linux/arm64"}, {"linux/arm64/v8"}} {
		opened, err := openAll(t, host+"/app:1", platforms...)
		must(t, err)
		if opened.IsIndex() || len(opened.Images()) != 1 || opened.Images()[0].Subject() != opened.Subject() {
			t.Fatalf("opened %+v", opened)
		}
		if s := opened.Subject(); s.Requested() != host+"/app:1" || s.Digest().DigestStr() != digestOf(t, img) {
			t.Errorf("pinned to %s, requested %s", s, s.Requested())
		}
		if got := opened.Images()[0].Platform(); got != "linux/arm64" {
			t.Errorf("platform %q", got)
		}
		opened.ShareLayers(t.TempDir()) // with nobody
	}
}

func TestOpenAllOfAnIndex(t *testing.T) {
	asked := map[string]int{}
	host := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				asked[r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]]++
			}
			next.ServeHTTP(w, r)
		})
	})
	amd := entry(t, host, saying(t, "amd64"), "linux/amd64")
	arm := entry(t, host, saying(t, "arm64"), "linux/arm64")
	v6, v7 := entry(t, host, saying(t, "v6"), "linux/arm/v6"), entry(t, host, saying(t, "v7"), "linux/arm/v7")
	windows := entry(t, host, saying(t, "windows"), "windows/amd64:10.0.20348.1")
	again := amd
	again.Platform = &v1.Platform{OS: "linux", Architecture: "amd64", Variant: "v2"}
	mute := entry(t, host, configured(t, saying(t, "mute"), "linux", "riscv64"), "")
	chart := disguised(t, host, saying(t, "chart"), "application/vnd.cncf.helm.config.v1+json", `{"name":"chart"}`, "")
	text := v1.Descriptor{MediaType: "text/plain", Size: 5, Digest: hash([]byte("hello"))}
	attestation := attested(t, host, amd)
	pushIndex(t, host+"/app:1", attestation, amd, text, arm, v6, v7, again, windows, mute, chart)

	tests := []struct{ platforms, opens string }{
		{"", "linux/amd64 linux/arm64 linux/arm/v6 linux/arm/v7 windows/amd64:10.0.20348.1 linux/riscv64"},
		{"all", "linux/amd64 linux/arm64 linux/arm/v6 linux/arm/v7 windows/amd64:10.0.20348.1 linux/riscv64"},
		{"linux/arm64 all", "linux/amd64 linux/arm64 linux/arm/v6 linux/arm/v7 windows/amd64:10.0.20348.1 linux/riscv64"},
		{"linux/amd64", "linux/amd64"},
		{"linux/amd64/v2", "linux/amd64/v2"},
		{"linux/arm64/v8", "linux/arm64"},
		{"linux/arm", "linux/arm/v6 linux/arm/v7"},
		{"linux/arm/v7 linux/amd64", "linux/amd64 linux/arm/v7"},
		{"windows/amd64", "windows/amd64:10.0.20348.1"},
		{"windows/amd64:10.0.20348.1", "windows/amd64:10.0.20348.1"},
		{"linux/riscv64", "linux/riscv64"},
	}
	for _, test := range tests {
		t.Run(test.platforms, func(t *testing.T) {
			clear(asked)
			opened, err := openAll(t, host+"/app:1", strings.Fields(test.platforms)...)
			must(t, err)
			if got := platformsOf(t, opened); got != test.opens {
				t.Errorf("opened %s, want %s", got, test.opens)
			}
			if asked["1"] != 1 || asked[attestation.Digest.String()] != 1 {
				t.Errorf("asked for %v", asked)
			}
			if test.opens == "linux/amd64" && asked[arm.Digest.String()] != 0 {
				t.Error("an image was pulled that nobody asked for")
			}
			listed(t, "attestations", opened.Attestations(), about(attestation, amd.Digest.String()))
			listed(t, "artifacts", opened.Artifacts(), about(text, ""), about(chart, ""))
			if s := opened.Subject(); !opened.IsIndex() || s.Requested() != host+"/app:1" {
				t.Errorf("index %v, requested %s", opened.IsIndex(), s.Requested())
			}
		})
	}
}

// about is what is told of an entry that is no image.
func about(e v1.Descriptor, of string) image.IndexEntry {
	return image.IndexEntry{Digest: e.Digest.String(), MediaType: string(e.MediaType), Size: e.Size, Of: of}
}

func listed(t *testing.T, what string, got []image.IndexEntry, want ...image.IndexEntry) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", what, got, want)
	}
}

func TestAHostilePlatformIsShownAsOneLine(t *testing.T) {
	host := serve(t)
	e := entry(t, host, saying(t, "x"), "")
	e.Platform = &v1.Platform{OS: "linux\x1b[31m\n" + strings.Repeat("x", 500), Architecture: "amd64"}
	pushIndex(t, host+"/app:1", e)
	opened, err := openAll(t, host+"/app:1")
	must(t, err)
	if got := opened.Images()[0].Platform(); len(got) > 40 || strings.ContainsAny(got, "\n\x1b") {
		t.Errorf("platform %q", got)
	}
	_, err = openAll(t, host+"/app:1", "linux/amd64")
	refused(t, err, "platform linux/amd64 is asked for")
}
