package policy

import (
	"strings"
	"testing"
)

// The controller asks for a log or for timestamps, and is told of one.
func TestWhatSaysWhenAKeylessSignatureWasMade(t *testing.T) {
	files := []File{{Name: "p.rego", Text: "package hallmark.p\ndeny contains \"x\" if not input.scan.good\n"}}
	const (
		log        = "ctlog:\n        url: https://rekor.example\n        trustRootRef: private\n"
		timestamps = "rfc3161timestamp:\n        trustRootRef: private\n"
	)
	private := Authority{Subject: "me", Issuer: "https://issuer.example", Fulcio: "https://fulcio.example", TrustRoot: "private"}
	logged, stamped := private, private
	logged.Rekor, stamped.Timestamps = "https://rekor.example", true
	for want, a := range map[string]Authority{log: logged, timestamps: stamped} {
		resources, err := Resources(Compile(files, Setting{}), Cluster{Globs: []string{"**"}, Authorities: []Authority{a}})
		must(t, err)
		text := string(resources[0].YAML)
		for _, part := range []string{log, timestamps} {
			if strings.Contains(text, part) != (part == want) {
				t.Errorf("want %q alone:\n%s", want, text[:min(len(text), 800)])
			}
		}
	}
}
