package sign

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
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
	for _, address := range s.Timestamps {
		authority := sigsign.NewTimestampAuthority(&sigsign.TimestampAuthorityOptions{
			URL: address, Transport: s.transport(ctx), Timeout: forever,
		})
		stamp, err := authority.GetTimestamp(ctx, content)
		if err != nil {
			return fmt.Errorf("asking %s for a timestamp: %w", plain.Address(address), told(ctx, err))
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
	log := sigsign.NewRekor(&sigsign.RekorOptions{
		BaseURL: strings.TrimSuffix(l.URL, "/"), Version: l.Version, Retries: tries,
		ClientV2: rekor{url: l.URL, transport: s.transport(ctx)},
	})
	if err := survive(func() error { return log.GetTransparencyLogEntry(ctx, holder, bundle) }); err != nil {
		return fmt.Errorf("recording the signature in the transparency log %s: %w", plain.Address(l.URL), told(ctx, err))
	}
	return nil
}

// forever is no timeout for the clients of Sigstore: the transport has its own.
const forever = -1

// told is an error of a service as it may be shown: one line without the secrets
// that the service was told, which it may have repeated; or the reason for which
// the job ended.
func told(ctx context.Context, err error, secrets ...string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if failed, ok := errors.AsType[*url.Error](err); ok {
		err = failed.Err // the URL is named already, as it may be shown
	}
	text := err.Error()
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return errors.New(plain.Line(text, maxTold))
}

// maxTold bounds what is shown of an error of a service, in bytes.
const maxTold = 400
