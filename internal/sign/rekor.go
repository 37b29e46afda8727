package sign

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	protorekor "github.com/sigstore/protobuf-specs/gen/pb-go/rekor/v1"
	rekorpb "github.com/sigstore/rekor-tiles/v2/pkg/generated/protobuf"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxEntry bounds the answer of a log, in bytes.
const maxEntry = 1 << 20

// rekor is a transparency log of version 2
// (https://github.com/sigstore/rekor-tiles/blob/main/CLIENTS.md). Its own client
// has a transport that cannot be chosen, and with it no patience.
type rekor struct {
	url       string
	transport http.RoundTripper
}

// Add implements sigsign.RekorV2Client.
func (r rekor) Add(ctx context.Context, entry any) (*protorekor.TransparencyLogEntry, error) {
	hashed, ok := entry.(*rekorpb.HashedRekordRequestV002)
	if !ok {
		return nil, fmt.Errorf("no entries of %T", entry)
	}
	body, err := protojson.Marshal(&rekorpb.CreateEntryRequest{Spec: &rekorpb.CreateEntryRequest_HashedRekordRequestV002{HashedRekordRequestV002: hashed}})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.url, "/")+"/api/v2/log/entries", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := (&http.Client{Transport: r.transport}).Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close() //nolint:errcheck // only read from
	content, err := io.ReadAll(io.LimitReader(answer.Body, maxEntry))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusCreated {
		return nil, fmt.Errorf("it answered %d %s: %s", answer.StatusCode, http.StatusText(answer.StatusCode), plain.Line(string(content), maxTold))
	}
	var added protorekor.TransparencyLogEntry
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(content, &added); err != nil {
		return nil, fmt.Errorf("its answer is no entry of a log: %w", err)
	}
	return &added, nil
}
