package cli_test

import (
	"fmt"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// built returns an index of one image as BuildKit leaves it: beside the image a
// manifest that no runtime chooses, which holds a statement with an SBOM. The SBOM
// lists a package that is not in the layers, so that one sees which was read.
func built(elsewhere bool) (v1.ImageIndex, error) {
	image, err := imageOf(layer(module("left-pad", "1.3.0")))
	if err != nil {
		return nil, err
	}
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	of := digest.Hex
	if elsewhere {
		of = strings.Repeat("0", 64)
	}
	const document = `{"spdxVersion":"SPDX-2.3","dataLicense":"CC0-1.0","SPDXID":"SPDXRef-DOCUMENT","name":"app","documentNamespace":"https://example.com/app",` +
		`"creationInfo":{"creators":["Tool: buildkit-v0.26.0"],"created":"2026-11-22T12:00:00Z"},` +
		`"packages":[{"SPDXID":"SPDXRef-1","name":"minimist","versionInfo":"1.2.0","downloadLocation":"NOASSERTION","licenseConcluded":"NOASSERTION",` +
		`"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:npm/minimist@1.2.0"}]}],` +
		`"relationships":[{"spdxElementId":"SPDXRef-DOCUMENT","relationshipType":"DESCRIBES","relatedSpdxElement":"SPDXRef-1"}]}`
	statement := fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://spdx.dev/Document",`+
		`"subject":[{"name":"pkg:docker/app@v1","digest":{"sha256":%q}}],"predicate":%s}`, of, document)
	held, err := mutate.Append(ociImage(), mutate.Addendum{
		Layer:       static.NewLayer([]byte(statement), "application/vnd.in-toto+json"),
		Annotations: map[string]string{"in-toto.io/predicate-type": "https://spdx.dev/Document"},
	})
	if err != nil {
		return nil, err
	}
	return mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex),
		mutate.IndexAddendum{Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: "amd64"}}},
		mutate.IndexAddendum{Add: held, Descriptor: v1.Descriptor{
			Platform:    &v1.Platform{OS: "unknown", Architecture: "unknown"},
			Annotations: map[string]string{"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": digest.String()},
		}}), nil
}
