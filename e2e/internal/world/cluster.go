package world

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// Cluster is the part of a Kubernetes cluster that decides what is let in: etcd,
// the API server and Policy Controller's webhook, the real ones. It has no nodes,
// so that nothing runs of what is let in.
type Cluster struct {
	Kubeconfig string // of an administrator, a file

	dir                       string
	etcd, apiServer, admitter *service
}

// StartCluster starts a cluster on loopback that keeps everything in dir, and
// returns when it refuses pods that no policy is about. Stop ends it. There can be
// one on a machine at a time: where there is one, it waits for its end.
func StartCluster(ctx context.Context, dir string) (*Cluster, error) {
	c := &Cluster{Kubeconfig: filepath.Join(dir, "kubeconfig.yaml"), dir: dir}
	for _, start := range []func(context.Context) error{c.startServer, c.install, c.startController} {
		if err := start(ctx); err != nil {
			return nil, errors.Join(err, c.Stop())
		}
	}
	return c, nil
}

// Stop ends the cluster and waits for it.
func (c *Cluster) Stop() error {
	var errs []error
	if c.admitter != nil {
		errs = append(errs, c.admitter.kill()) // it would wait 45 seconds for a load balancer to forget it
	}
	for _, s := range []*service{c.apiServer, c.etcd} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	return errors.Join(errs...)
}

// startServer starts the API server on a store of its own.
func (c *Cluster) startServer(ctx context.Context) error {
	etcd, err := exec.LookPath("etcd")
	if err != nil {
		return fmt.Errorf("starting etcd: %w; make e2e installs it", err)
	}
	ports, err := freePorts(3)
	if err != nil {
		return err
	}
	store, peers := "http://127.0.0.1:"+ports[0], "http://127.0.0.1:"+ports[1]
	c.etcd, err = startProgram(ctx, c.dir, nil, etcd, "--data-dir="+filepath.Join(c.dir, "etcd"),
		"--listen-client-urls="+store, "--advertise-client-urls="+store,
		"--listen-peer-urls="+peers, "--initial-advertise-peer-urls="+peers, "--initial-cluster=default="+peers)
	if err != nil {
		return err
	}
	if err := c.etcd.answers(ctx, store+"/health"); err != nil {
		return err
	}
	key, tokens := filepath.Join(c.dir, "accounts.key"), filepath.Join(c.dir, "tokens.csv")
	if err := errors.Join(makeAccountsKey(key), c.writeAdministrator(tokens, "https://127.0.0.1:"+ports[2])); err != nil {
		return err
	}
	c.apiServer, err = startService(ctx, c.dir, "kube-apiserver", "--etcd-servers="+store,
		"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port="+ports[2], "--cert-dir="+c.dir,
		"--token-auth-file="+tokens, "--authorization-mode=RBAC", "--service-cluster-ip-range=10.0.0.0/24",
		"--service-account-issuer=https://kubernetes.default.svc", "--service-account-signing-key-file="+key, "--service-account-key-file="+key,
		"--disable-admission-plugins=ServiceAccount", // nobody makes a pod's token where no controllers run
		"--endpoint-reconciler-type=none")
	if err != nil {
		return err
	}
	return c.apiServer.until(ctx, func(ctx context.Context) error { return c.do(ctx, "get", "--raw", "/readyz") })
}

// makeAccountsKey writes a key for the tokens of service accounts.
func makeAccountsKey(path string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making the API server's key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("making the API server's key: %w", err)
	}
	return writePEM(path, "EC PRIVATE KEY", der)
}

// writeAdministrator writes who may do everything, and how they reach the server,
// which writes its certificate when it starts.
func (c *Cluster) writeAdministrator(tokens, server string) error {
	token := rand.Text()
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: e2e
  cluster:
    server: %s
    certificate-authority: %s
users:
- name: administrator
  user:
    token: %s
contexts:
- name: e2e
  context: {cluster: e2e, user: administrator}
current-context: e2e
`, server, filepath.Join(c.dir, "apiserver.crt"), token)
	err := errors.Join(
		os.WriteFile(tokens, []byte(token+`,administrator,administrator,"system:masters"`+"\n"), 0o600),
		os.WriteFile(c.Kubeconfig, []byte(kubeconfig), 0o600))
	if err != nil {
		return fmt.Errorf("making the cluster's administrator: %w", err)
	}
	return nil
}

// do runs kubectl as the administrator.
func (c *Cluster) do(ctx context.Context, args ...string) error {
	path, err := Tool("kubectl")
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = []string{"KUBECONFIG=" + c.Kubeconfig, "HOME=" + c.dir}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("running kubectl %s: %w\n%s", args[0], err, out)
	}
	return nil
}
