package world

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"path/filepath"
)

// origin is the name of the log in its checkpoints. With the key it makes the
// log's id. Clients expect the host name of the log's address there, without
// the port.
const origin = "127.0.0.1"

// startRekor starts a Rekor v2 with a fresh key on an empty folder. Its public
// key is written to public.
func startRekor(ctx context.Context, dir, public string) (*service, string, error) {
	private := filepath.Join(dir, "rekor.key")
	if err := makeLogKey(private, public); err != nil {
		return nil, "", err
	}
	ports, err := freePorts(3)
	if err != nil {
		return nil, "", err
	}
	s, err := startService(ctx, dir, "rekor-server", "serve",
		"--hostname="+origin, "--storage-dir="+filepath.Join(dir, "rekor"), "--signer-filepath="+private,
		"--http-address=127.0.0.1", "--http-port="+ports[0],
		"--grpc-address=127.0.0.1", "--grpc-port="+ports[1], "--http-metrics-port="+ports[2],
		// An entry is answered for once a checkpoint covers it.
		"--checkpoint-interval=100ms", "--batch-max-age=50ms")
	return s, "http://127.0.0.1:" + ports[0], err
}

func makeLogKey(private, public string) error {
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("making rekor's key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("making rekor's key: %w", err)
	}
	if err := writePEM(private, "PRIVATE KEY", der); err != nil {
		return err
	}
	if der, err = x509.MarshalPKIXPublicKey(pub); err != nil {
		return fmt.Errorf("making rekor's key: %w", err)
	}
	return writePEM(public, "PUBLIC KEY", der)
}
