package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

const columns = 60

// TestOnATerminal runs the program as a person does: colours unless they are
// not wanted, and no line wider than the terminal.
func TestOnATerminal(t *testing.T) {
	shared := materials(t)
	w := &world{shared: shared}
	w.gateway, w.server = startRegistry(true)
	defer w.close()
	if _, _, err := w.push("vulnerable", "team/app:v1"); err != nil {
		t.Fatal(err)
	}
	image := host(w.server) + "/team/app:v1"
	key := filepath.Join(shared, "cosign.key")
	run := []string{"run", image, "--key", key, "--vuln-db", filepath.Join(shared, "fresh"), "--output-dir", t.TempDir()}
	shown := onTerminal(t, nil, run...)
	if !strings.Contains(shown, "\x1b[32mpass\x1b[0m") || !strings.Contains(shown, "\x1b[1mverdict\x1b[0m") {
		t.Errorf("there are no colours:\n%s", shown)
	}
	if !strings.Contains(shown, "\x1b[2K") {
		t.Errorf("there is no live line:\n%s", shown)
	}

	gate := []string{"gate", image, "--key", filepath.Join(shared, "cosign.pub"), "--severity-cutoff", "high"}
	inspect := []string{"inspect", image}
	for _, c := range []struct {
		name, env string
		args      []string
		colours   bool
	}{
		{"colours are wanted", "NO_COLOR=", gate, true},
		{"NO_COLOR is set", "NO_COLOR=1", gate, false},
		{"the terminal knows none", "TERM=dumb", gate, false},
		{"a table", "NO_COLOR=1", inspect, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown := onTerminal(t, []string{c.env}, c.args...)
			if got := strings.Contains(shown, "\x1b["); got != c.colours {
				t.Errorf("colours: %t, want %t:\n%s", got, c.colours, shown)
			}
			if c.name == "a table" {
				checkWidth(t, shown)
			}
		})
	}
}

// checkWidth checks the lines of a table, below the image that it is about.
func checkWidth(t *testing.T, shown string) {
	t.Helper()
	_, table, _ := strings.Cut(shown, "\n")
	for line := range strings.Lines(table) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\r\n")); n > columns {
			t.Errorf("%d characters on %d columns: %q", n, columns, line)
		}
	}
}

// onTerminal runs hallmark with a pseudo-terminal as its standard output and
// standard error, and returns what was written to it.
func onTerminal(t *testing.T, env []string, args ...string) string {
	t.Helper()
	control, terminal, err := openTerminal()
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	read := make(chan string)
	go func() {
		var shown bytes.Buffer
		_, err := io.Copy(&shown, control)
		if err != nil && !errors.Is(err, syscall.EIO) { // EIO: all writers are gone
			fmt.Fprintf(&shown, "\nreading the terminal: %v", err)
		}
		read <- shown.String()
	}()
	command := exec.CommandContext(t.Context(), "hallmark", args...) // put into the path by TestMain
	command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TERM=xterm", "COSIGN_PASSWORD=" + password, "XDG_CACHE_HOME=" + t.TempDir()}, env...)
	command.Stdout, command.Stderr = terminal, terminal
	err = command.Run()
	if closeErr := terminal.Close(); closeErr != nil {
		t.Fatal(closeErr)
	}
	shown := <-read
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return shown
}

// openTerminal returns both ends of a new pseudo-terminal of some columns.
func openTerminal() (control, terminal *os.File, err error) {
	control, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		return nil, nil, err
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		return nil, nil, err
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns}); err != nil {
		return nil, nil, err
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	return control, terminal, err
}
