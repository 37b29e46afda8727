package cli

import (
	"crypto/x509"
	"os"

	"github.com/spf13/pflag"

	"github.com/hallmark-ci/hallmark/internal/fault"
)

// read reads the inputs of a command: the one place where their values come in.
func (a *app) read(flags *pflag.FlagSet, taken []input, args []string) (values, error) {
	v := values{flags: flags, env: a.env, inputs: taken}
	a.json = v.text("log-format") == "json" // from here on, whatever goes wrong
	a.secrets = append(a.secrets, v.secrets()...)
	if err := v.checkFlags(); err != nil {
		return values{}, err
	}
	var err error
	if v.step, err = a.readStep(flags.Lookup(stepFlag).Value.String()); err != nil {
		return values{}, err
	}
	if v.step.alone() {
		a.env = withoutDeciding(a.env, v.step.host)
		v.env, v.step.env = a.env, a.env
	}
	a.json = v.text("log-format") == "json"
	a.secrets = append(a.secrets, v.secrets()...)
	a.settle(v)
	if err := a.checkNames(v.step); err != nil {
		return values{}, err
	}
	if err := v.step.check(taken); err != nil {
		return values{}, err
	}
	if err := v.refuse(args); err != nil {
		return values{}, err
	}
	return v, v.believeAuthorities()
}

// believeAuthorities lets TLS believe the authorities of the input ca-file. It goes by
// the variable that the standard library reads them from, which is before the first
// connection.
func (v values) believeAuthorities() error {
	path := v.text("ca-file")
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return fault.Usagef("reading ca-file: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(content) {
		return fault.Usagef("reading ca-file: %s holds no certificate in PEM form", path)
	}
	return os.Setenv("SSL_CERT_FILE", path)
}
