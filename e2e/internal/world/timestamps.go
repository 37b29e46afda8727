package world

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"
	"net"
	"time"
)

// timestampPath is where the service stamps.
const timestampPath = "/api/v1/timestamp"

// metricsAddress is where the service listens too, whatever it is told: there
// can be one on a machine.
const metricsAddress = ":2112"

// startTimestamps starts a timestamp authority with a fresh key and chain.
func startTimestamps(ctx context.Context, dir string) (*service, string, error) {
	if err := waitUntilFree(ctx, metricsAddress); err != nil {
		return nil, "", fmt.Errorf("starting timestamp-server: %w", err)
	}
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

// waitUntilFree waits for whoever listens on an address to end, which may be
// another deployment.
func waitUntilFree(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		l, err := net.Listen("tcp", address)
		if err == nil {
			return l.Close()
		}
		select {
		case <-ctx.Done():
			return err
		case <-again.C:
		}
	}
}
