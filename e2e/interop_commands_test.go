package e2e_test

import "strings"

// How an attestation is signed.
const (
	byKey   = "key"
	keyless = "keyless"
)

// writer is one way to attest. Its commands are run as they are printed in the
// documentation, with the words in capitals replaced.
type writer struct {
	name   string
	tool   string
	forms  []string          // what it leaves: att, bundle
	logged bool              // whether keyless attestations are in the log
	write  map[string]string // by how it is signed
}

func writers() []writer {
	const (
		hallmark = "hallmark attest IMAGE --predicate TYPE=approval.json"
		cosign   = "cosign attest -y IMAGE --type TYPE --predicate approval.json"
		files    = " --signing-config signing_config.json --trusted-root trusted_root.json"
		urls     = " --tlog-upload=false --fulcio-url FULCIO --timestamp-server-url TSA"
	)
	var all []writer
	for _, format := range []string{"att", "bundle", "both"} {
		forms := []string{format}
		if format == "both" {
			forms = []string{"att", "bundle"}
		}
		all = append(all, writer{
			name: "Hallmark, `" + format + "`", tool: "hallmark", forms: forms, logged: true,
			write: map[string]string{
				byKey:   hallmark + " --attestation-format " + format + " --key cosign.key",
				keyless: hallmark + " --attestation-format " + format + files,
			},
		})
	}
	return append(all,
		writer{name: "cosign 2", tool: "cosign", forms: []string{"att"}, write: map[string]string{
			byKey:   cosign + " --tlog-upload=false --key cosign.key",
			keyless: cosign + urls + " --insecure-skip-verify",
		}},
		writer{name: "cosign 2, bundle", tool: "cosign", forms: []string{"bundle"}, write: map[string]string{
			byKey:   cosign + " --new-bundle-format --tlog-upload=false --key cosign.key",
			keyless: cosign + " --new-bundle-format" + urls + " --insecure-skip-verify",
		}},
		writer{name: "cosign 3", tool: "cosign3", forms: []string{"bundle"}, logged: true, write: map[string]string{
			byKey:   cosign + " --use-signing-config=false --tlog-upload=false --key cosign.key",
			keyless: cosign + files,
		}},
		writer{name: "cosign 3, `.att`", tool: "cosign3", forms: []string{"att"}, write: map[string]string{
			byKey:   cosign + " --new-bundle-format=false --use-signing-config=false --tlog-upload=false --key cosign.key",
			keyless: cosign + " --new-bundle-format=false --use-signing-config=false" + urls,
		}},
	)
}

// reader is one verifier. It has a command for each way to sign and each form;
// waiver is what it needs besides where no log holds a keyless attestation.
type reader struct {
	name   string
	tool   string
	either bool              // reads either form where there are both
	read   map[string]string // by how it is signed and the form
	waiver string
}

// command returns what is run for an attestation.
func (r reader) command(signed, form string, logged bool) string {
	command := r.read[signed+" "+form]
	if signed == keyless && !logged && !strings.Contains(command, "--insecure-ignore-tlog") {
		command += r.waiver
	}
	return command
}

func readers() []reader {
	const (
		identity = " --certificate-identity SUBJECT --certificate-oidc-issuer ISSUER"
		root     = " --trusted-root trusted_root.json"
		hallmark = "hallmark verify IMAGE --type TYPE"
		cosign   = "cosign verify-attestation IMAGE --type TYPE"
		tester   = "tester -image IMAGE -log-level error"
		unlogged = " --insecure-ignore-tlog --use-signed-timestamps"
	)
	return []reader{
		{name: "Hallmark", tool: "hallmark", either: true, waiver: " --tlog=false", read: map[string]string{
			byKey + " att":      hallmark + " --key cosign.pub",
			byKey + " bundle":   hallmark + " --key cosign.pub",
			keyless + " att":    hallmark + identity + root,
			keyless + " bundle": hallmark + identity + root,
		}},
		{name: "cosign 2", tool: "cosign", waiver: " --insecure-ignore-tlog", read: map[string]string{
			byKey + " att":    cosign + " --key cosign.pub --insecure-ignore-tlog",
			byKey + " bundle": cosign + " --key cosign.pub --insecure-ignore-tlog --new-bundle-format" + root,
			keyless + " att": cosign + identity + unlogged + " --insecure-ignore-sct" +
				" --ca-roots fulcio-root.pem --ca-intermediates fulcio-intermediates.pem --timestamp-certificate-chain timestamp-chain.pem",
			keyless + " bundle": cosign + identity + root + " --new-bundle-format --use-signed-timestamps --insecure-ignore-sct",
		}},
		{name: "cosign 3", tool: "cosign3", waiver: unlogged, read: map[string]string{
			byKey + " att":      cosign + " --key cosign.pub --insecure-ignore-tlog",
			byKey + " bundle":   cosign + " --key cosign.pub --insecure-ignore-tlog",
			keyless + " att":    cosign + identity + root + unlogged + " --insecure-ignore-sct",
			keyless + " bundle": cosign + identity + root + " --insecure-ignore-sct",
		}},
		{name: "Policy Controller", tool: "tester", either: true, read: map[string]string{
			byKey + " att":      tester + " -policy key.yaml",
			byKey + " bundle":   tester + " -policy key-bundle.yaml",
			keyless + " att":    tester + " -policy keyless.yaml -trustroot trustroot.yaml",
			keyless + " bundle": tester + " -policy keyless-bundle.yaml -trustroot trustroot.yaml",
		}},
	}
}
