package identity_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/identity"
)

func digest(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// one is an image of an index of two.
func one() identity.Image {
	return identity.Image{
		Manifest: digest("a"), Config: digest("c"), Layers: []string{digest("1"), digest("2")}, Index: digest("e"), Siblings: 1,
	}
}

// alone is the only image of its index.
func alone() identity.Image {
	img := one()
	img.Siblings = 0
	return img
}

// fields are the documents of each tool, with one field that names an image. %s is that digest.
func fields() map[string]string {
	component := func(field string) string {
		return `{"bomFormat":"CycloneDX","metadata":{"component":{"type":"container","name":"app",` + field + `}}}`
	}
	described := func(field string) string {
		return `{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"SPDXRef-1","name":"other","versionInfo":"` + digest("9") + `"},` +
			`{"SPDXID":"SPDXRef-2","name":"app","primaryPackagePurpose":"CONTAINER",` + field + `}],` +
			`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-2"}]}`
	}
	grype := func(field string) string { return `{"matches":[],"source":{"type":"image","target":{` + field + `}}}` }
	run := func(field string) string {
		return `{"version":"2.1.0","runs":[{"tool":{"driver":{"name":"x"}},` + field + `}]}`
	}
	return map[string]string{
		"trivy JSON: ImageID":              `{"SchemaVersion":2,"ArtifactName":"app","Metadata":{"ImageID":"%s"}}`,
		"trivy JSON: RepoDigests":          `{"SchemaVersion":2,"ArtifactName":"app","Metadata":{"RepoDigests":["r/app@%s"]}}`,
		"trivy JSON: ArtifactName":         `{"SchemaVersion":2,"ArtifactName":"r/app@%s"}`,
		"trivy JSON: a digest as its name": `{"SchemaVersion":2,"ArtifactName":"%s"}`,
		"trivy in cosign's predicate":      `{"scanner":{"result":{"SchemaVersion":2,"ArtifactName":"r/app@%s"}}}`,
		"trivy SARIF: imageID":             run(`"properties":{"imageID":"%s"}`),
		"trivy SARIF: imageName":           run(`"properties":{"imageName":"r/app@%s"}`),
		"trivy SARIF: repoDigests":         run(`"properties":{"repoDigests":["r/app@%s"]}`),
		"trivy CycloneDX: purl":            component(`"purl":"pkg:oci/app@%s?repository_url=r%%2Fapp&arch=amd64"`),
		"trivy CycloneDX: ImageID":         component(`"properties":[{"name":"aquasecurity:trivy:ImageID","value":"%s"}]`),
		"trivy CycloneDX: RepoDigest":      component(`"properties":[{"name":"aquasecurity:trivy:RepoDigest","value":"r/app@%s"}]`),
		"trivy SPDX: ImageID":              described(`"annotations":[{"comment":"ImageID: %s"}]`),
		"trivy SPDX: an older one":         described(`"attributionTexts":["RepoDigest: r/app@%s"]`),
		"grype JSON: imageID":              grype(`"imageID":"%s"`),
		"grype JSON: manifestDigest":       grype(`"manifestDigest":"%s"`),
		"grype JSON: repoDigests":          grype(`"repoDigests":["r/app@%s"]`),
		"grype JSON: userInput":            grype(`"userInput":"registry:r/app@%s"`),
		"grype SARIF":                      run(`"results":[{"locations":[{"logicalLocations":[{"fullyQualifiedName":"r/app@%s@` + digest("1") + `:/etc"}]}]}]`),
		"syft JSON: imageID":               `{"artifacts":[],"source":{"metadata":{"imageID":"%s"}}}`,
		"syft JSON: manifestDigest":        `{"artifacts":[],"source":{"metadata":{"manifestDigest":"%s"}}}`,
		"an earlier syft's JSON":           `{"artifacts":[],"source":{"target":{"imageID":"%s"}}}`,
		"syft CycloneDX":                   component(`"version":"%s"`),
		"syft SPDX: versionInfo":           described(`"versionInfo":"%s"`),
		"syft SPDX: purl":                  described(`"externalRefs":[{"referenceLocator":"pkg:oci/app@%s?arch=amd64"}]`),
		"cdxgen: Id":                       `{"bomFormat":"CycloneDX","metadata":{"properties":[{"name":"oci:image:Id","value":"%s"}]}}`,
		"cdxgen: RepoDigest":               `{"bomFormat":"CycloneDX","metadata":{"properties":[{"name":"oci:image:RepoDigest","value":"r/app@%s"}]}}`,
		"the name of a component":          `{"bomFormat":"CycloneDX","metadata":{"component":{"name":"r/app@%s"}}}`,
	}
}

// TestEachFieldOfEachTool: whichever field of whichever tool names an image, it is compared.
func TestEachFieldOfEachTool(t *testing.T) {
	for field, form := range fields() {
		for _, c := range []struct {
			names, digest string
			img           identity.Image
			wrong         string // of the error; empty: none
		}{
			{"the manifest", digest("a"), one(), ""},
			{"the config", digest("c"), one(), ""},
			{"the config, in upper case", strings.ToUpper(digest("c")), one(), ""},
			{"the config, escaped", "sha256%3A" + strings.Repeat("c", 64), one(), ""},
			{"the index of one image", digest("e"), alone(), ""},
			{"the index of two", digest("e"), one(), "it is about the index " + digest("e") + ", which has 2 images"},
			{"another", digest("0"), one(), "it is about " + digest("0") + ", and the image is " + digest("a")},
			{"another, in upper case", strings.ToUpper(digest("0")), one(), "it is about " + digest("0")},
			{"another, by another algorithm", "sha512:" + strings.Repeat("0", 128), one(), "it is about sha512:"},
		} {
			if strings.Contains(c.digest, "%") && !strings.Contains(form, "pkg:") {
				continue
			}
			t.Run(field+" names "+c.names, func(t *testing.T) { checked(t, fmt.Sprintf(form, c.digest), c.img, c.wrong) })
		}
	}
}

// TestSeveralClaims: the config decides, and what contradicts itself is refused.
func TestSeveralClaims(t *testing.T) {
	trivy := func(image, repository, layers string) string {
		return fmt.Sprintf(`{"SchemaVersion":2,"ArtifactName":"app","Metadata":{"ImageID":%q,"RepoDigests":["x/y@%s"],"DiffIDs":[%s]}}`, image, repository, layers)
	}
	syft := func(image, manifest, repository string) string {
		return fmt.Sprintf(`{"artifacts":[],"source":{"metadata":{"imageID":%q,"manifestDigest":%q,"repoDigests":["r/app@%s"]}}}`, image, manifest, repository)
	}
	for name, c := range map[string]struct {
		document, wrong string
		img             identity.Image
	}{
		"the index, and the config of this platform": {trivy(digest("c"), digest("e"), ""), "", one()},
		"the index, and the config of another":       {trivy(digest("d"), digest("e"), ""), "it is about " + digest("d"), one()},
		"the index, and the layers of this platform": {trivy("", digest("e"), `"`+digest("2")+`","`+digest("1")+`"`), "", one()},
		"the index, and a layer that both may have":  {trivy("", digest("e"), `"`+digest("1")+`"`), "it is about the index", one()},
		"a layer that it has not":                    {trivy(digest("c"), digest("a"), `"`+digest("7")+`"`), "which has no such layer", one()},
		"saved from an engine: another manifest":     {syft(digest("c"), digest("b"), digest("b")), "", one()},
		"in two repositories":                        {trivy(digest("c"), digest("b"), ""), "", one()},
		"an engine that keeps manifests":             {syft(digest("a"), digest("a"), digest("e")), "", one()},
		"an engine that keeps indexes":               {syft(digest("e"), "", digest("e")), "it is about the index", one()},
		"the config of another, our repository":      {trivy(digest("d"), digest("a"), ""), "it is about " + digest("d"), one()},
		"the manifest of another, our repository":    {syft("", digest("b"), digest("a")), "it contradicts itself", one()},
		"no digest where there must be one":          {trivy("1f0c5a2b3c4d", digest("a"), ""), "it is about 1f0c5a2b3c4d", one()},
		"a number where there must be a digest":      {`{"SchemaVersion":2,"ArtifactName":"app","Metadata":{"ImageID":7}}`, "it is about 7,", one()},
		"very many images": {
			`{"artifacts":[],"source":{"metadata":{"manifestDigest":"` + digest("a") + `","repoDigests":[` + strings.Join(many(), ",") + `]}}}`,
			"it is about more images than are read", one(),
		},
		"two images at once": {
			`{"bomFormat":"CycloneDX","metadata":{"properties":[{"name":"oci:image:Id","value":"` + digest("c") +
				`"},{"name":"oci:image:Id","value":"` + digest("d") + `"}]}}`, "it contradicts itself", one(),
		},
		"an image, where the index is meant": {trivy(digest("c"), digest("e"), ""), "an index", identity.Image{Manifest: digest("e")}},
		"the index itself":                   {`{"SchemaVersion":2,"ArtifactName":"r/app@` + digest("e") + `"}`, "", identity.Image{Manifest: digest("e")}},
	} {
		t.Run(name, func(t *testing.T) { checked(t, c.document, c.img, c.wrong) })
	}
}

// many returns more digests than are read.
func many() []string {
	var all []string
	for i := range 2000 {
		all = append(all, fmt.Sprintf(`"r/x@sha256:%064x"`, i))
	}
	return all
}

func TestWhatNamesNothing(t *testing.T) {
	for name, document := range map[string]string{
		"no JSON":           "x",
		"no document":       `[]`,
		"another form":      `{"a":1}`,
		"a tag":             `{"SchemaVersion":2,"ArtifactName":"r/app:1f0c5a2b3c4d5e6f708192a3b4c5d6e7f8091a2b"}`,
		"a folder":          `{"matches":[],"source":{"type":"directory","target":"/src"}}`,
		"a component":       `{"bomFormat":"CycloneDX","metadata":{"component":{"name":"app","version":"1"}},"components":[{"version":"` + digest("0") + `"}]}`,
		"BuildKit's SBOM":   `{"spdxVersion":"SPDX-2.3","name":"sbom","packages":[{"SPDXID":"SPDXRef-1","checksums":[{"algorithm":"SHA256","checksumValue":"00"}]}]}`,
		"nothing but a run": `{"version":"2.1.0","runs":[{}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, claims := range identity.Of([]byte(document)) {
				if claims.Named() {
					t.Errorf("%+v", claims)
				}
			}
			checked(t, document, one(), "")
		})
	}
}

// checked checks all that a document claims.
func checked(t *testing.T, document string, img identity.Image, wrong string) {
	t.Helper()
	var err error
	for _, claims := range identity.Of([]byte(document)) {
		if failed := claims.Check(img); err == nil {
			err = failed
		}
	}
	switch {
	case wrong == "" && err != nil:
		t.Errorf("%s\n%v", document, err)
	case wrong != "" && (err == nil || !strings.Contains(err.Error(), wrong) || fault.HintOf(err) == ""):
		t.Errorf("%s\nwant %q, have %v", document, wrong, err)
	}
}

// Whatever a document says, its refusal is one line of bounded length.
func FuzzOf(f *testing.F) {
	for _, form := range fields() {
		f.Add([]byte(fmt.Sprintf(form, digest("0"))))
	}
	f.Fuzz(func(t *testing.T, document []byte) {
		for _, claims := range identity.Of(document) {
			if err := claims.Check(one()); err != nil && (len(err.Error()) > 600 || strings.ContainsAny(err.Error(), "\n\x1b")) {
				t.Errorf("%q", err)
			}
		}
	})
}
