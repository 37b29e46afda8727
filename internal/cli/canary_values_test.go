package cli_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/cli"
)

// Whatever an input is for: what is secret in its value is not shown. An address with
// a login or a token may be what it takes; a key, a token or a reference with a login
// in place of its name is refused before anything is done with it.
func TestNoInputShowsASecretInItsValue(t *testing.T) {
	c := newCage(t, false)
	environ := c.furnish(t)
	t.Chdir(c.dir)
	secret := "c4n4ry-in-a-value"
	site := host(c.forge)
	taken := []string{"https://ada:" + secret + "@" + site + "/x?token=" + secret, "https://ada:" + secret + "%zz@" + site}
	refused := []string{
		"oci://ada:" + secret + "@" + site + "/x:v1", "hashivault://" + secret + "@vault/key", "ada:" + secret + "@" + site + "/x:v1",
		"docker.io=ada:" + secret + "@" + site, "-----BEGIN PRIVATE KEY-----\n" + secret + "\n-----END PRIVATE KEY-----",
		"-----BEGIN PRIVATE KEY----- " + secret, "eyJ" + secret + "." + secret, "custom=eyJ" + secret, "x\n" + secret,
	}
	folders := []string{"output", "output-dir", "output-key-prefix", "extract", "cache-dir"} // nobody takes one for an address
	for _, in := range cli.Inputs() {
		if in.Secret || !in.Word || slices.Contains(in.Commands, "demo") {
			continue
		}
		values := slices.Concat(taken, refused)
		if slices.Contains(folders, in.Name) {
			values = refused
		}
		for _, value := range values {
			command := in.Commands[0]
			code, printed := invoke(t.Context(), environ, c.given(command, in, value)...)
			c.search(t, fmt.Sprintf("%s with %s (exit %d)", command, in.Name, code), printed, secret)
			if slices.Contains(refused, value) && (code != 2 || !strings.Contains(printed, in.Name+" holds ")) {
				t.Errorf("%s --%s=%q: exit %d\n%s", command, in.Name, value, code, printed)
			}
		}
	}
}

// given returns a command with one input, without a flag for the same that it has.
func (c *cage) given(command string, in cli.Input, value string) []string {
	args := c.arguments(command, filepath.Join(c.dir, "absent"))
	if command == "run" {
		args = []string{"run", args[1], "--key", filepath.Join(c.dir, "cosign.key"), "--vuln-db", filepath.Join(c.dir, "absent"), "--output-dir", filepath.Join(c.dir, "out")}
	}
	if i := slices.Index(args, "--"+in.Name); i >= 0 && !in.List {
		args = slices.Delete(args, i, i+2)
	}
	if in.Name == "image" {
		args = slices.Delete(args, 1, 2)
	}
	return append(args, "--"+in.Name+"="+value)
}
