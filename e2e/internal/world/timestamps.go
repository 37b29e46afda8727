package world

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
)

// timestampPath is where the service stamps.
const timestampPath = "/api/v1/timestamp"

// startTimestamps starts a timestamp authority with a fresh key and chain. It
// always listens on port 2112 too, for its metrics, so there can be one on a
// machine.
func startTimestamps(ctx context.Context, dir string) (*service, string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, "", err
	}
	s, err := startService(ctx, dir, "timestamp-server", "serve",
		"--host=127.0.0.1", "--port="+ports[0], "--timestamp-signer=memory", "--disable-ntp-monitoring",
		"--cleanup-timeout=1s", "--graceful-timeout=1s")
	return s, "http://127.0.0.1:" + ports[0] + timestampPath, err
}

// fetchTimestampChain writes the chain that the authority tells.
func fetchTimestampChain(ctx context.Context, address string, chain Chain) error {
	var content bytes.Buffer
	if err := get(ctx, address+"/certchain", &content); err != nil {
		return fmt.Errorf("reading the chain of the timestamps: %w", err)
	}
	var certificates [][]byte
	for block, rest := pem.Decode(content.Bytes()); block != nil; block, rest = pem.Decode(rest) {
		certificates = append(certificates, block.Bytes)
	}
	return chain.write(certificates...)
}
