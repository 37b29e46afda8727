package evidence

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Release returns that an image is a release: its package URL, of which an image's
// version is the digest (https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md),
// and the tag in the sources that it was released as.
func Release(s attest.Subject, version string) (attest.Predicate, error) {
	body, err := json.Marshal(struct {
		PURL    string `json:"purl"`
		Version string `json:"version"` // beyond in-toto's own fields
	}{purlOf(s), version})
	if err != nil {
		return attest.Predicate{}, fmt.Errorf("encoding the release: %w", err)
	}
	return attest.Predicate{Type: attest.TypeRelease, Body: body}, nil
}

func purlOf(s attest.Subject) string {
	purl := "pkg:oci/" + strings.ToLower(path.Base(s.Repository())) + "@sha256%3A" + s.Hex() +
		"?repository_url=" + url.QueryEscape(s.Repository())
	requested, _, _ := strings.Cut(s.Requested(), "@")
	if _, tag, ok := strings.Cut(path.Base(requested), ":"); ok {
		purl += "&tag=" + url.QueryEscape(tag)
	}
	return purl
}
