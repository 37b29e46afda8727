package world

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// systemNamespace is where Policy Controller lives.
const systemNamespace = "cosign-system"

// webhookPort is where Policy Controller's webhook listens, whatever it is told:
// there can be one on a machine.
const webhookPort = "8443"

// probes is a guarded namespace for nothing but that.
const probes = "probes"

// install gives the cluster what Policy Controller brings: its types, its settings
// and the registrations of its webhook.
func (c *Cluster) install(ctx context.Context) error {
	source, err := controllerSource(ctx)
	if err != nil {
		return err
	}
	manifests := filepath.Join(c.dir, "manifests")
	if err := os.Mkdir(manifests, 0o700); err != nil {
		return fmt.Errorf("installing Policy Controller: %w", err)
	}
	for _, pattern := range []string{"100-*", "300-*", "500-*", "501-*", "config-*"} {
		files, err := filepath.Glob(filepath.Join(source, "config", pattern+".yaml"))
		if err != nil || len(files) == 0 {
			return errors.Join(err, fmt.Errorf("finding %s of Policy Controller in %s: %d files", pattern, source, len(files)))
		}
		for _, file := range files {
			if err := copyManifest(file, manifests); err != nil {
				return err
			}
		}
	}
	if err := c.do(ctx, "apply", "--filename", manifests); err != nil {
		return err
	}
	return errors.Join(
		c.do(ctx, "create", "service", "externalname", "webhook", "--namespace="+systemNamespace, "--external-name=127.0.0.1"),
		c.do(ctx, "create", "namespace", probes),
		c.do(ctx, "label", "namespace", probes, "policy.sigstore.dev/include=true"))
}

// controllerSource returns the folder of the module that the webhook is built from.
func controllerSource(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/sigstore/policy-controller")
	cmd.Dir = "cluster"
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("finding Policy Controller's manifests: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// copyManifest copies a manifest into a folder. The API server is told the webhook's
// port, which in a cluster a Service maps; this one's leads to loopback, and maps
// nothing.
func copyManifest(path, folder string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading a manifest of Policy Controller: %w", err)
	}
	service := regexp.MustCompile(`(?m)^( +)name: webhook\n +namespace: ` + systemNamespace + `$`)
	content = service.ReplaceAll(content, []byte("$0\n${1}port: "+webhookPort))
	if err := os.WriteFile(filepath.Join(folder, filepath.Base(path)), content, 0o600); err != nil {
		return fmt.Errorf("writing a manifest of Policy Controller: %w", err)
	}
	return nil
}

// startController starts the webhook and waits until the API server asks it.
func (c *Cluster) startController(ctx context.Context) error {
	if err := waitUntilFree(ctx, ":"+webhookPort); err != nil {
		return fmt.Errorf("starting Policy Controller: %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	path, err := Tool("webhook")
	if err != nil {
		return err
	}
	env := []string{
		"KUBECONFIG=" + c.Kubeconfig, "SYSTEM_NAMESPACE=" + systemNamespace, "WEBHOOK_NAME=webhook", "POD_NAME=webhook",
		"CONFIG_LOGGING_NAME=config-logging", "METRICS_DOMAIN=sigstore.dev/policy", "KUBERNETES_MIN_VERSION=1.21.0",
		"METRICS_PROMETHEUS_PORT=" + ports[0], "PROFILING_PORT=" + ports[1],
	}
	if c.admitter, err = startProgram(ctx, c.dir, env, path, "--disable-tuf"); err != nil {
		return err
	}
	return c.admitter.until(ctx, c.decides)
}

// decides returns nil once all that the webhook is to be asked about is registered,
// and the API server knows it: a pod that no policy is about is refused. Nothing is
// pulled for it.
func (c *Cluster) decides(ctx context.Context) error {
	for path, of := range map[string][]string{
		"{.webhooks[0].clientConfig.caBundle}":             {"mutatingwebhookconfigurations,validatingwebhookconfigurations", "--all"},
		"{.spec.conversion.webhook.clientConfig.caBundle}": {"customresourcedefinitions/clusterimagepolicies.policy.sigstore.dev"},
	} {
		if err := c.do(ctx, append([]string{"wait", "--for=jsonpath=" + path, "--timeout=0"}, of...)...); err != nil {
			return err
		}
	}
	err := c.do(ctx, "run", "nobodys", "--image=127.0.0.1:1/nobodys@sha256:"+strings.Repeat("0", 64), "--namespace="+probes, "--dry-run=server")
	if err == nil || !strings.Contains(err.Error(), "no matching policies") {
		return fmt.Errorf("a pod that no policy is about is not refused for that: %w", err)
	}
	return nil
}
