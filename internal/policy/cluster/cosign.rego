# A policy in the dialect of cosign verify-attestation.
package sigstore

import rego.v1

asked := [untyped(answer)] if answer := policy_allow with input as current

problems contains "allow is undefined for the attestation" if not asked

problems contains "allow is not true for the attestation" if asked[0] != true

satisfied if asked[0] == true
