package world

import (
	"encoding/base64"
	"fmt"
	"os"
)

// writeTrustRoot describes the deployment in the resource that Policy
// Controller takes. The log is left out: it knows no key of the log's kind, nor
// the id of a Rekor v2, and refuses a resource that names one.
func (s *Sigstore) writeTrustRoot() error {
	fulcio, err := os.ReadFile(s.FulcioChain.Whole)
	if err != nil {
		return fmt.Errorf("describing the deployment to Policy Controller: %w", err)
	}
	timestamps, err := os.ReadFile(s.TimestampChain.Whole)
	if err != nil {
		return fmt.Errorf("describing the deployment to Policy Controller: %w", err)
	}
	content := fmt.Sprintf(`apiVersion: policy.sigstore.dev/v1alpha1
kind: TrustRoot
metadata:
  name: %s
spec:
  sigstoreKeys:
    certificateAuthorities:
    - subject: {organization: hallmark-ci, commonName: root}
      uri: %s
      certChain: %s
    timestampAuthorities:
    - subject: {organization: hallmark-ci, commonName: timestamps}
      uri: %s
      certChain: %s
`, TrustRootName,
		s.FulcioURL, base64.StdEncoding.EncodeToString(fulcio),
		s.TimestampURL, base64.StdEncoding.EncodeToString(timestamps))
	if err := os.WriteFile(s.ControllerTrustRoot, []byte(content), 0o600); err != nil {
		return fmt.Errorf("describing the deployment to Policy Controller: %w", err)
	}
	return nil
}
