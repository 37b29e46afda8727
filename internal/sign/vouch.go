package sign

import (
	"context"
	"fmt"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorclient "github.com/sigstore/rekor-tiles/v2/pkg/client"
	"github.com/sigstore/rekor-tiles/v2/pkg/client/write"
	sigsign "github.com/sigstore/sigstore-go/pkg/sign"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// signed is a statement with its signature.
type signed struct {
	version   string // of the statement
	payload   []byte
	signature []byte
}

// stamped returns what timestamps have to cover: in bundles the signature, under
// cosign's tag, where statements are of version 0.1, the whole envelope.
func (s signed) stamped(e attest.Envelope) []byte {
	if s.version == attest.StatementV01 {
		return e.Raw()
	}
	return s.signature
}

// seal returns the envelope of a statement with its signature and with what the
// services vouch for: the time, by each timestamp authority, and that it was
// logged, by each log. holder is the signer's public key or certificate in PEM.
func (s Services) seal(ctx context.Context, st signed, material *protobundle.VerificationMaterial, holder []byte) (attest.Envelope, error) {
	e, err := attest.NewEnvelope(st.payload, st.signature, attest.Proof{})
	if err != nil {
		return attest.Envelope{}, err
	}
	if err := s.stamp(ctx, st.stamped(e), material); err != nil {
		return attest.Envelope{}, err
	}
	bundle := e.WithProof(attest.NewProof(material)).Bundle()
	for _, l := range s.Logs {
		if err := s.record(ctx, l, bundle, holder); err != nil {
			return attest.Envelope{}, err
		}
	}
	return e.WithProof(attest.NewProof(bundle.GetVerificationMaterial())), nil
}

// stamp adds a timestamp of some content by each authority.
func (s Services) stamp(ctx context.Context, content []byte, material *protobundle.VerificationMaterial) error {
	for _, url := range s.Timestamps {
		authority := sigsign.NewTimestampAuthority(&sigsign.TimestampAuthorityOptions{URL: url, Transport: s.transport(ctx)})
		stamp, err := authority.GetTimestamp(ctx, content)
		if err != nil {
			return fmt.Errorf("asking %s for a timestamp: %w", url, told(ctx, err))
		}
		if material.TimestampVerificationData == nil {
			material.TimestampVerificationData = &protobundle.TimestampVerificationData{}
		}
		material.TimestampVerificationData.Rfc3161Timestamps = append(material.TimestampVerificationData.Rfc3161Timestamps,
			&protocommon.RFC3161SignedTimestamp{SignedTimestamp: stamp})
	}
	return nil
}

// record adds an entry of a log.
func (s Services) record(ctx context.Context, l Log, bundle *protobundle.Bundle, holder []byte) error {
	options := &sigsign.RekorOptions{BaseURL: l.URL, Version: l.Version, Retries: tries}
	if l.Version == rekorV2 {
		writer, err := write.NewWriter(l.URL, rekorclient.WithUserAgent("hallmark"))
		if err != nil {
			return fmt.Errorf("reaching the transparency log %s: %w", l.URL, err)
		}
		options.ClientV2 = patientLog{writer, s}
	}
	if err := sigsign.NewRekor(options).GetTransparencyLogEntry(ctx, holder, bundle); err != nil {
		return fmt.Errorf("recording the signature in the transparency log %s: %w", l.URL, told(ctx, err))
	}
	return nil
}

// patientLog is a log that is asked again when it does not answer.
type patientLog struct {
	log      write.Client
	services Services
}

// Add implements sigsign.RekorV2Client.
func (p patientLog) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	var added *protorekor.TransparencyLogEntry
	err := persist(ctx, p.services.firstPause(), func() (err error) {
		added, err = p.log.Add(ctx, entry)
		return err
	})
	return added, err
}

// told is an error of a service as it may be shown: one line, or the reason for
// which the job ended.
func told(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s", plain.Line(err.Error(), 400))
}
