package verify_test

import (
	"slices"
	"testing"
	"time"

	protobundle "github.com/sigstore/protobuf-specs/gen/pb-go/bundle/v1"
	protocommon "github.com/sigstore/protobuf-specs/gen/pb-go/common/v1"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// Under cosign's tag, timestamps are of the whole envelope. They are believed like
// those of the signature, and like those of nothing else.
func TestTimestampOfTheWholeEnvelope(t *testing.T) {
	d := sigstoretest.New(t)
	trust := trustIdentity(t, trustedRoot(t, d, sigstoretest.Root{}))
	e := keyless(t, d)
	now := time.Now().Truncate(time.Second)
	const refusal = "nothing trusted says when its certificate was used: its timestamp is of no trusted authority, or of another signature"

	if v := believed(t, stamped(e, d.Stamp(e.Raw(), now)), trust); !v.SignedAt().Equal(now) {
		t.Errorf("signed at %s, want %s", v.SignedAt(), now)
	}
	wants(t, stamped(e, d.Stamp(slices.Concat(e.Raw(), []byte{' '}), now)), trust, refusal)
	wants(t, stamped(e, d.Stamp(e.Payload(), now)), trust, refusal)
	wants(t, stamped(e, sigstoretest.New(t).Stamp(e.Raw(), now)), trust, refusal)
	wants(t, stamped(e, d.Stamp(e.Raw(), now.Add(time.Hour))), trust, ended)
}

// stamped returns an envelope with another timestamp.
func stamped(e attest.Envelope, stamp []byte) attest.Envelope {
	material := proto.CloneOf(e.Proof().Material())
	material.TimestampVerificationData = &protobundle.TimestampVerificationData{
		Rfc3161Timestamps: []*protocommon.RFC3161SignedTimestamp{{SignedTimestamp: stamp}},
	}
	return e.WithProof(attest.NewProof(material))
}
