package cli

import "slices"

// kind is the type of an input's value.
type kind int

const (
	text    kind = iota
	list         // repeatable flag; one entry a line in an environment variable
	boolean      // true or false
	span         // a duration such as 10m or 120h
)

// Command names, as the table of inputs uses them.
const (
	cmdRun     = "run"
	cmdAttest  = "attest"
	cmdVerify  = "verify"
	cmdGate    = "gate"
	cmdInspect = "inspect"
	cmdSign    = "sign"
	cmdRescan  = "rescan"
	cmdKeygen  = "keygen"
	cmdDemo    = "demo"
	cmdVersion = "version"

	cmdPolicyCompile = "policy compile"
	cmdPolicyLint    = "policy lint"
	cmdPolicyPush    = "policy push"
	cmdPolicyTest    = "policy test"
)

// input is one thing that a user can set: a flag, and an environment variable
// of the same name.
type input struct {
	name     string
	short    string // one letter; empty: none
	kind     kind
	preset   string   // the default; empty: none
	usage    string   // one line
	commands []string // that take it
	secret   bool     // a password or a token, which a host is to hide
	decides  bool     // what the gate comes to depends on it, so no earlier step of a job may set it
	ofRun    bool     // is of one run only: it has no place in the flags that check its verdict again
	refers   bool     // names something in a registry, where an @ begins a digest
}

// inputs is the one table that flags, environment variables and documentation
// come from.
func inputs() []input {
	t := takers{
		registry:  []string{cmdRun, cmdAttest, cmdVerify, cmdGate, cmdInspect, cmdSign, cmdRescan},
		oneImage:  []string{cmdRun, cmdAttest, cmdVerify, cmdGate, cmdInspect, cmdSign},
		policies:  []string{cmdRun, cmdVerify, cmdGate, cmdRescan, cmdPolicyCompile, cmdPolicyLint},
		gating:    []string{cmdRun, cmdGate, cmdRescan},
		deciding:  []string{cmdRun, cmdVerify, cmdGate, cmdRescan},
		scanning:  []string{cmdRun, cmdRescan},
		signing:   []string{cmdRun, cmdAttest, cmdSign, cmdRescan},
		attesting: []string{cmdRun, cmdAttest},
	}
	return slices.Concat(imageInputs(t), evidenceInputs(t), signingInputs(t),
		sourceInputs("certificate", "certificates", and(t.registry, cmdPolicyCompile)),
		gateInputs(t), sourceInputs("policy", "policies from oci://", t.policies), policyInputs())
}

// takers are the commands that take several inputs, by what these are for.
type takers struct{ registry, oneImage, policies, gating, deciding, scanning, signing, attesting []string }

// and returns commands and further ones.
func and(commands []string, more ...string) []string { return slices.Concat(commands, more) }

// imageInputs say which image it is, and how its SBOM and its scan are made.
func imageInputs(t takers) []input {
	return []input{
		{name: "image", usage: "the image, when it is not given as an argument; a tag is resolved once", commands: t.oneImage, decides: true, ofRun: true, refers: true},
		{name: "image", kind: list, usage: "the images, when they are not given as arguments", commands: []string{cmdRescan}, decides: true, ofRun: true, refers: true},
		{name: "platforms", kind: list, preset: "all", usage: "of an index: the platforms to examine, as linux/amd64", commands: []string{cmdRun}, decides: true},
		{name: "registry-username", usage: "user for the image's registry; else docker config and its helpers, else CI_REGISTRY_* or the github-token if it is theirs", commands: and(t.registry, cmdPolicyPush)},
		{name: "registry-password", usage: "password or token for the image's registry", commands: and(t.registry, cmdPolicyPush), secret: true},
		{name: "github-token", usage: "GitHub's token for the job, for ghcr.io, comments and approvals; else GITHUB_TOKEN", commands: and(t.registry, cmdPolicyPush), secret: true},
		{name: "gitlab-token", usage: "GitLab's access token: for comments with the scope api, for approvals with read_api; for these else GITLAB_TOKEN or the job's", commands: []string{cmdRun}, secret: true},
		{name: "insecure-registry", kind: boolean, preset: "false", usage: "allow plain HTTP and untrusted TLS; loopback needs no permission", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile, cmdPolicyLint), decides: true},
		{name: "ca-file", usage: "PEM file with further certificate authorities that TLS believes; else SSL_CERT_FILE, but inside the action and the component", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile, cmdPolicyLint), decides: true, ofRun: true},
		{name: "cache-dir", usage: "folder that keeps databases between runs; else XDG_CACHE_HOME or ~/.cache, and none inside the action and the component", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile, cmdPolicyLint), decides: true, ofRun: true},
		{name: "registry-mirror", kind: list, usage: "HOST=MIRROR or HOST=MIRROR/PREFIX: pull images, databases and policies from a mirror, as docker.io=mirror.example/dockerhub", commands: []string{cmdRun}, refers: true},
		{name: "sbom", kind: list, preset: "cyclonedx", usage: "SBOM formats to attest: cyclonedx, spdx, none", commands: []string{cmdRun}, decides: true},
		{name: "sbom-file", usage: "take this SBOM in place of making one: a CycloneDX, SPDX or syft JSON file, or buildkit for what BuildKit left in the index", commands: []string{cmdRun}, decides: true},
		{name: "reuse-sbom", kind: boolean, preset: "true", usage: "take the SBOM that this signer attested earlier, if these versions made it, without pulling the image; the scan is made anew", commands: []string{cmdRun}, decides: true},
		{
			name: "reuse-max-age", kind: span, preset: "336h", commands: []string{cmdRun}, decides: true,
			usage: "how long after an image was last read its attested SBOM may be taken again; 0 for any time",
		},
		{name: "scan-file", usage: "take this scan in place of making one: the JSON of grype or trivy, or SARIF", commands: []string{cmdRun}, decides: true},
		{name: "scan", kind: boolean, preset: "true", usage: "scan the SBOM for vulnerabilities and attest the summary", commands: []string{cmdRun}, decides: true},
		{name: "vuln-db", usage: "vulnerability database: a directory, an archive, an https URL, or oci://REF (default: grype's feed); #sha256=HEX behind a file or an address, and @sha256:HEX behind a REF, say which one", commands: t.scanning, decides: true},
		{name: "vuln-db-key", kind: list, usage: "public keys that the vulnerability database must be signed with: oci://REF as cosign sign does, a file or an address by FILE.sig beside it, as cosign sign-blob writes it", commands: t.scanning, decides: true},
		{name: "vuln-db-max-age", kind: span, preset: "120h", usage: "a scan with an older database is undecided; 0 for any age", commands: and(t.gating, cmdPolicyCompile), decides: true},
		{name: "max-scan-age", kind: span, preset: "120h", usage: "an older scan is undecided; 0 for any age", commands: and(t.gating, cmdPolicyCompile), decides: true},
		{name: "severity-cutoff", preset: "none", usage: "deny at or above: negligible, low, medium, high, critical", commands: t.gating, decides: true},
		{
			name: "allow-unread", kind: list, decides: true,
			usage:    "patterns of what need not have been read for the gate to decide, as the report lists it: /opt/fixtures/**; * stops at /, ** does not",
			commands: and(t.deciding, cmdPolicyCompile),
		},
		{name: "only-fixed", kind: boolean, preset: "false", usage: "let the cutoff count only findings that have a fix", commands: t.gating, decides: true},
		{name: "vex", kind: list, usage: "OpenVEX or CSAF files, or attested for what is attested to the image: findings that do not affect it do not count", commands: t.scanning, decides: true},
		{name: "waivers", usage: "YAML file of waivers, each with a reason, an approver and an end", commands: t.gating, decides: true},
		{name: "waivers-key", kind: list, usage: "public keys that the file of waivers must be signed with: FILE.sig beside it, as cosign sign-blob writes it", commands: t.gating, decides: true},
	}
}

// evidenceInputs say what else is attested.
func evidenceInputs(t takers) []input {
	return []input{
		{name: "provenance", preset: "auto", usage: "attest how the image came to be (SLSA provenance); auto: in a CI job", commands: []string{cmdRun}, decides: true},
		{name: "evidence", kind: list, preset: "auto", usage: "what else to attest: release, vex, licences, image, secrets, none; auto: release for a tag, vex for OpenVEX files that the scan used; sbom, scan, provenance and approval are as their inputs", commands: []string{cmdRun}, decides: true},
		{name: "test-results", kind: list, usage: "files of test results to attest: JUnit XML or the output of go test -json", commands: []string{cmdRun}, decides: true},
		{name: "sarif", kind: list, usage: "SARIF files of static analysis to attest", commands: []string{cmdRun}, decides: true},
		{name: "approval", kind: boolean, preset: "false", usage: "attest who approved the change, as GitHub or GitLab tells it", commands: []string{cmdRun}, decides: true},
		{name: "predicate", kind: list, usage: "TYPE=FILE: evidence to attest; TYPE is a short name or a URI", commands: t.attesting, decides: true},
	}
}

// signingInputs say who signs, whom to believe, and where attestations are kept.
func signingInputs(t takers) []input {
	return []input{
		{name: "key", usage: "key: a file, env://NAME, or awskms://, azurekms://, gcpkms://, hashivault://; run, attest, sign and policy push sign with it, verify, gate and inspect take its public half", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile), decides: true},
		{name: "verify-key", kind: list, usage: "public keys of further accepted signers", commands: t.registry, decides: true},
		{name: "certificate-identity", usage: "accept certificates for this subject: an e-mail address or a workflow's URI", commands: and(t.registry, cmdPolicyCompile), decides: true},
		{name: "certificate-identity-regexp", usage: "accept certificates whose subject matches this regular expression; anchor it", commands: and(t.registry, cmdPolicyCompile), decides: true},
		{name: "certificate-oidc-issuer", usage: "the issuer that must have vouched for the identity", commands: and(t.registry, cmdPolicyCompile), decides: true},
		{name: "certificate-oidc-issuer-regexp", usage: "a regular expression for the issuer; anchor it", commands: and(t.registry, cmdPolicyCompile), decides: true},
		{name: "identity-token", usage: "file with the job's OIDC token for keyless signing; else SIGSTORE_ID_TOKEN, else GitHub's", commands: and(t.signing, cmdPolicyPush), decides: true},
		{name: "fulcio-url", usage: "certificate authority of a private Sigstore", commands: and(t.signing, cmdPolicyPush, cmdPolicyCompile), decides: true},
		{name: "rekor-url", usage: "transparency log of a private Sigstore", commands: and(t.signing, cmdPolicyPush, cmdPolicyCompile), decides: true},
		{name: "timestamp-url", usage: "RFC 3161 timestamp authority, with its path", commands: and(t.signing, cmdPolicyPush), decides: true},
		{name: "signing-config", usage: "file that names the services of a private Sigstore", commands: and(t.signing, cmdPolicyPush), decides: true},
		{name: "trusted-root", usage: "file that a private Sigstore is believed by (default: the public Sigstore)", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile, cmdPolicyLint), decides: true},
		{name: "tlog", preset: "auto", usage: "auto: a log for keyless signatures, none for keys; true: demand it; false: none", commands: and(t.registry, cmdPolicyPush, cmdPolicyCompile, cmdPolicyLint), decides: true},
		{name: "attestation-format", preset: "att", usage: "att: cosign's tag; bundle: OCI referrers; both: the complete set in each", commands: and(t.signing, cmdPolicyPush, cmdPolicyCompile), decides: true},
		{name: "attestation-repository", usage: "keep attestations in another repository; else COSIGN_REPOSITORY", commands: t.registry, decides: true, refers: true},
		{name: "keep-history", kind: boolean, preset: "false", usage: "keep this signer's earlier attestations of the same types", commands: t.attesting, decides: true},
		{name: "sign", kind: boolean, preset: "false", usage: "sign the image itself, too, as cosign sign does", commands: []string{cmdRun}, decides: true},
		{name: "push", kind: boolean, preset: "true", usage: "write to the registry; --push=false does everything else", commands: []string{cmdRun}, decides: true},
	}
}

// gateInputs say what decides, and how it is shown.
func gateInputs(t takers) []input {
	return []input{
		{name: "policy", kind: list, usage: "what decides: Rego files and folders, hallmark:NAME for one that ships, hallmark:baseline, hallmark:all, oci://REF for a signed set, https://…#sha256=HEX", commands: t.deciding, decides: true},
		{name: "policy-key", kind: list, usage: "public keys that policies from oci:// must be signed with", commands: t.policies, decides: true},
		{name: "policy-repository", kind: list, usage: "repositories whose sets of policies are meant where oci:// names a copy of them; else a set must have been signed in the repository that it is pulled from", commands: t.policies, decides: true, refers: true},
		{name: "policy-identity", usage: "accept policies from oci:// that this subject of a certificate signed", commands: t.policies, decides: true},
		{name: "policy-identity-regexp", usage: "the same by a regular expression; anchor it", commands: t.policies, decides: true},
		{name: "policy-oidc-issuer", usage: "the issuer that must have vouched for that subject", commands: t.policies, decides: true},
		{name: "policy-oidc-issuer-regexp", usage: "a regular expression for that issuer; anchor it", commands: t.policies, decides: true},
		{name: "policy-data", usage: "YAML or JSON file with the parameters of policies: POLICY: {NAME: VALUE}, where POLICY is NAME for hallmark:NAME, else the last part of the package", commands: and(t.deciding, cmdPolicyCompile, cmdPolicyTest, cmdPolicyPush), decides: true},
		{name: "attest-verdict", preset: "auto", usage: "attest what the gate came to (SLSA verification summary); auto: if there are policies", commands: t.scanning, decides: true},
		{name: "gate", preset: "enforce", usage: "enforce, or warn: exit 0 with a warning where the gate says no", commands: t.gating, decides: true, ofRun: true},
		{name: "comment", kind: boolean, preset: "false", usage: "show the summary as a comment on the pull or merge request", commands: []string{cmdRun}},
		{name: "output-dir", preset: "hallmark", usage: "folder for reports", commands: []string{cmdRun}},
		{name: "output-dir", usage: "on GitLab: folder for hallmark.env, the variables for later jobs", commands: []string{cmdGate, cmdRescan}},
		{name: "output-dir", preset: "hallmark-demo", usage: "folder for what the demonstration makes", commands: []string{cmdDemo}},
		{name: "timeout", kind: span, preset: "10m", usage: "limit of time for the whole job", commands: and(t.registry, cmdPolicyPush, cmdDemo)},
		{name: "log-format", preset: "auto", usage: "auto, text or json", commands: and(t.registry, cmdPolicyPush, cmdDemo)},
		{name: "type", usage: "only attestations of this predicate type: a short name or a URI", commands: []string{cmdVerify}, decides: true},
		{name: "max-age", kind: span, preset: "0", usage: "refuse attestations that are older, or of unknown age; 0 for any age", commands: []string{cmdVerify}, decides: true},
		{name: "explain", kind: boolean, preset: "false", usage: "say how a policy that does not pass came to that, line by line", commands: []string{cmdGate}},
		{name: "output", preset: "table", usage: "table or json", commands: []string{cmdVerify, cmdGate, cmdInspect, cmdRescan, cmdVersion}},
		{name: "parallel", preset: "4", usage: "how many images are rescanned at a time", commands: []string{cmdRescan}},
		{name: "extract", usage: "write the statements to this folder", commands: []string{cmdInspect}},
		{name: "output-key-prefix", preset: "cosign", usage: "the pair is written to PREFIX.key and PREFIX.pub", commands: []string{cmdKeygen}},
	}
}

// policyInputs are those of the commands below policy alone.
func policyInputs() []input {
	return []input{
		{name: "output", short: "o", usage: "file for the ClusterImagePolicies; else they are printed", commands: []string{cmdPolicyCompile}},
		{name: "name", usage: "name of the ClusterImagePolicy; of several, what their names begin with", commands: []string{cmdPolicyCompile}},
		{name: "image-glob", kind: list, preset: "**", usage: "images that the cluster checks, as Policy Controller matches them", commands: []string{cmdPolicyCompile}, decides: true, refers: true},
		{name: "mode", preset: "enforce", usage: "enforce, or warn: the cluster admits with a warning", commands: []string{cmdPolicyCompile}, decides: true},
		{name: "trust-root-ref", usage: "name of the TrustRoot resource of a private Sigstore in the cluster", commands: []string{cmdPolicyCompile}},
		{name: "verifier-id", preset: verifierID, usage: "whose attested verdicts the cluster believes, for policies that no single attestation answers", commands: []string{cmdPolicyCompile}, decides: true},
		{name: "max-verdict-age", kind: span, preset: "168h", usage: "an older attested verdict does not count in the cluster; 0 for any age", commands: []string{cmdPolicyCompile}, decides: true},
		{name: "check", preset: "evidence", usage: "evidence: the cluster evaluates a policy itself where one attestation has all that it reads, and else checks the attested verdict; verdict: it checks the verdict for every policy", commands: []string{cmdPolicyCompile}, decides: true},
		{name: "verdict-scope", preset: "whole", usage: "what must have passed of an attested verdict: whole, with the cutoff and every other policy, or policy, for this policy's part alone", commands: []string{cmdPolicyCompile}, decides: true},
		{name: "coverage-min", preset: "0", usage: "fail when the tests cover less than this, in percent of the policies' lines", commands: []string{cmdPolicyTest}},
	}
}

// inputsOf returns the inputs that a command takes.
func inputsOf(command string) []input {
	return slices.DeleteFunc(inputs(), func(i input) bool { return !slices.Contains(i.commands, command) })
}
