// Package e2e holds the end-to-end tests: the built binary against a real
// registry, with stock cosign, syft, grype and Policy Controller, alone and asked
// by an API server, as the judges of what it did. make e2e runs them.
package e2e
