package e2e_test

import "strings"

// withKey puts a public key into a policy, indented as its place is.
func withKey(policy string, key []byte) string {
	const place = "        PUBLIC-KEY"
	indented := strings.ReplaceAll(strings.TrimSpace(string(key)), "\n", "\n        ")
	return strings.ReplaceAll(policy, place, "        "+indented)
}

// policies are what Policy Controller is asked, by the name of the file.
func policies() map[string]string {
	const head = `apiVersion: policy.sigstore.dev/v1beta1
kind: ClusterImagePolicy
metadata:
  name: interop
spec:
  images:
  - glob: "**"
  authorities:
`
	const key = `  - name: key
    key:
      data: |
        PUBLIC-KEY
    attestations:
    - name: approval
      predicateType: TYPE
`
	const keyless = `  - name: keyless
    keyless:
      url: FULCIO
      trustRootRef: private
      insecureIgnoreSCT: true
      identities:
      - issuer: ISSUER
        subject: SUBJECT
    rfc3161timestamp:
      trustRootRef: private
    attestations:
    - name: approval
      predicateType: TYPE
`
	asBundle := func(authority string) string {
		name, rest, _ := strings.Cut(authority, "\n")
		return name + "\n    signatureFormat: bundle\n" + rest
	}
	return map[string]string{
		"key.yaml": head + key, "key-bundle.yaml": head + asBundle(key),
		"keyless.yaml": head + keyless, "keyless-bundle.yaml": head + asBundle(keyless),
	}
}
