package verify

import "github.com/sigstore/sigstore-go/pkg/root"

// stampedBy is a trusted root whose timestamp authorities are believed about the
// whole envelope, too. Bundles have timestamps of the signature; under cosign's
// tag they are of the envelope, with the signature in it.
type stampedBy struct {
	root.TrustedMaterial
	envelope []byte
}

// TimestampingAuthorities implements root.TrustedMaterial.
func (s stampedBy) TimestampingAuthorities() []root.TimestampingAuthority {
	all := s.TrustedMaterial.TimestampingAuthorities()
	out := make([]root.TimestampingAuthority, len(all))
	for i, authority := range all {
		out[i] = eitherStamp{authority, s.envelope}
	}
	return out
}

type eitherStamp struct {
	root.TimestampingAuthority
	envelope []byte
}

// Verify implements root.TimestampingAuthority.
func (e eitherStamp) Verify(stamp, signature []byte) (*root.Timestamp, error) {
	found, err := e.TimestampingAuthority.Verify(stamp, signature)
	if err == nil {
		return found, nil
	}
	if found, errWhole := e.TimestampingAuthority.Verify(stamp, e.envelope); errWhole == nil {
		return found, nil
	}
	return nil, err
}
