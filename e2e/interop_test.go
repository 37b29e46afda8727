package e2e_test

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

var update = flag.Bool("update", false, "write what was found into docs/interop.md, docs/forgeries.md and docs/enforce.md")

// Who reads whose attestations is found out here, by running every writer and
// every reader, and told in docs/interop.md. With -update the file is written.
func TestInteropIsAsDocumented(t *testing.T) {
	i := newInterop(t)
	var results []result
	for _, signed := range []string{byKey, keyless} {
		for _, w := range writers() {
			t.Run(signed+", "+w.name, func(t *testing.T) {
				i := interop{place: i.in(t), sigstore: i.sigstore, words: i.words}
				results = append(results, i.readAll(signed, w))
			})
		}
	}
	if t.Failed() {
		return
	}
	i.documented("interop.md", "interop", i.documentation(results))
}

// documented compares what was found with what a page of docs says between its
// marks, or writes it there.
func (p *place) documented(page, mark, found string) {
	p.t.Helper()
	root, err := world.Root()
	if err != nil {
		p.t.Fatal(err)
	}
	path := filepath.Join(root, "docs", page)
	content, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	begin, end := "<!-- "+mark+" -->\n", "<!-- /"+mark+" -->"
	before, rest, opened := strings.Cut(string(content), begin)
	_, after, closed := strings.Cut(rest, end)
	if !opened || !closed {
		p.t.Fatalf("%s has no %s and %s", path, begin, end)
	}
	want := before + begin + found + end + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			p.t.Fatal(err)
		}
	} else if string(content) != want {
		p.t.Errorf("%s is not what was found; write it with: go -C e2e test -run AsDocumented -update .\n%s", path, found)
	}
}

// result is what each reader said of what one writer wrote.
type result struct {
	signed string
	writer writer
	cells  []string // of the readers, in their order
}

// interop is where everybody attests and everybody reads.
type interop struct {
	*place
	sigstore *world.Sigstore
	words    *strings.Replacer // for the words in capitals, but the image
}

func newInterop(t *testing.T) interop {
	t.Helper()
	i := interop{place: newPlace(t, ""), sigstore: newSigstore(t)}
	i.keys("cosign")
	i.keys("other")
	i.file("approval.json", `{"by":"the release team"}`)
	for name, path := range map[string]string{
		"signing_config.json": i.sigstore.SigningConfig, "trusted_root.json": i.sigstore.TrustedRoot,
		"trustroot.yaml": i.sigstore.ControllerTrustRoot, "timestamp-chain.pem": i.sigstore.TimestampChain.Whole,
		"fulcio-root.pem": i.sigstore.FulcioChain.Root, "fulcio-intermediates.pem": i.sigstore.FulcioChain.Intermediates,
	} {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		i.file(name, string(content))
	}
	signer := i.sigstore.Issuer.GitLab
	words := []string{
		"TYPE", typeOfOurOwn, "FULCIO", i.sigstore.FulcioURL, "TSA", i.sigstore.TimestampURL,
		"SUBJECT", signer.Subject, "ISSUER", signer.Issuer,
	}
	i.words = strings.NewReplacer(words...)
	for name, policy := range policies() {
		i.file(name, i.words.Replace(withKey(policy, i.read("cosign.pub"))))
		i.file("other-"+name, i.words.Replace(otherSigner().Replace(withKey(policy, i.read("other.pub")))))
	}
	return i
}

// otherSigner turns a command, or a policy, into one that accepts somebody else.
func otherSigner() *strings.Replacer {
	return strings.NewReplacer("cosign.pub", "other.pub", "SUBJECT", "https://gitlab.com/somebody/else", "-policy ", "-policy other-")
}

// do runs a command as it is printed, in a job with a token.
func (i interop) do(tool, command, image string) outcome {
	i.t.Helper()
	var args []string
	for _, word := range strings.Fields(command)[1:] {
		if word == "IMAGE" {
			word = image
		}
		args = append(args, i.words.Replace(word))
	}
	return i.onGitLab(i.sigstore).run(tool, args...)
}

// readAll lets a writer attest an image of its own and every reader read it.
func (i interop) readAll(signed string, w writer) result {
	i.t.Helper()
	image := i.bare(strings.ToLower(strings.NewReplacer(",", "", " ", "-", "`", "", ".", "").Replace(signed + "-" + w.name)))
	if got := i.do(w.tool, w.write[signed], image); got.code != 0 {
		i.t.Fatalf("%s: exit %d\n%s", w.write[signed], got.code, got.stderr)
	}
	found := result{signed: signed, writer: w}
	for _, r := range readers() {
		found.cells = append(found.cells, i.cell(signed, w, r, image))
	}
	return found
}

// cell is what one reader says.
func (i interop) cell(signed string, w writer, r reader, image string) string {
	i.t.Helper()
	var accepted, refused []string
	forms := w.forms
	if len(forms) > 1 && !r.either {
		forms = []string{"bundle"} // it looks at nothing else where there is one
	}
	for _, form := range forms {
		command := r.command(signed, form, w.logged)
		got := i.do(r.tool, command, image)
		if got.code != 0 {
			refused = append(refused, i.reason(command, got))
			continue
		}
		accepted = append(accepted, form)
		if got := i.do(r.tool, otherSigner().Replace(command), image); !forItsSigner(got) {
			i.t.Errorf("%s: another signer is accepted, or refused for another reason: exit %d\n%s%s", command, got.code, got.stdout, got.stderr)
		}
	}
	switch {
	case len(refused) == 0:
		return "yes"
	case len(accepted) == 0:
		return "no: " + strings.Join(slices.Compact(refused), "; ")
	}
	return "yes, as `" + accepted[0] + "`"
}

// forItsSigner reports whether an attestation was refused because somebody else
// signed it, in the words of each reader.
func forItsSigner(got outcome) bool {
	says := []string{
		"accepted signatures do not match threshold", "no matching CertificateIdentity found",
		"none of the expected identities matched", "none signed by an accepted signer",
	}
	return got.code != 0 && slices.ContainsFunc(says, func(words string) bool { return strings.Contains(got.stdout+got.stderr, words) })
}

// reason puts a refusal into few words. One that nobody expects is a failure of
// the test: the words have to be true.
func (i interop) reason(command string, got outcome) string {
	i.t.Helper()
	for says, why := range map[string]string{
		"when using the new bundle format, the authority must be keyless":                  "it takes bundles keyless only",
		"unable to verify RFC3161 timestamp bundle: hashed messages don't match":           "its timestamp is of the signature, not of the envelope",
		"unable to verify RFC3161 timestamp bundle: expected at least one verified timest": "its timestamp is of the signature, not of the envelope",
	} {
		if strings.Contains(got.stdout+got.stderr, says) {
			return why
		}
	}
	i.t.Errorf("%s: it refuses for a reason that is not expected: exit %d\n%s%s", command, got.code, got.stdout, got.stderr)
	return "unknown"
}

// Both cosigns stop looking at the tag once a bundle refers to the image: this is
// why the format both has the complete set in each.
func TestBundleHidesTheTagFromCosign(t *testing.T) {
	i := newInterop(t)
	image := i.bare("hidden")
	cosigns := map[string]reader{}
	for _, r := range readers() {
		if strings.HasPrefix(r.tool, "cosign") {
			cosigns[r.tool] = r
		}
	}
	i.must("hallmark", "attest", image, "--key", "cosign.key", "--predicate", typeOfOurOwn+"=approval.json")
	for tool, r := range cosigns {
		if got := i.do(tool, r.command(byKey, "att", false), image); got.code != 0 {
			t.Errorf("%s refuses what is under the tag: exit %d\n%s", tool, got.code, got.stderr)
		}
	}
	i.must("cosign3", "attest", "-y", "--use-signing-config=false", "--tlog-upload=false", "--key", "other.key",
		"--type", "custom", "--predicate", "approval.json", image)
	for tool, r := range cosigns {
		for _, form := range []string{"att", "bundle"} {
			if got := i.do(tool, r.command(byKey, form, false), image); got.code == 0 {
				t.Errorf("%s still reads the tag, asked with the command for %s", tool, form)
			}
		}
	}
	i.must("hallmark", "attest", image, "--key", "cosign.key", "--predicate", typeOfOurOwn+"=approval.json", "--attestation-format", "both")
	for tool, r := range cosigns {
		if got := i.do(tool, r.command(byKey, "bundle", false), image); got.code != 0 {
			t.Errorf("%s refuses the bundle beside another's: exit %d\n%s", tool, got.code, got.stderr)
		}
	}
}
