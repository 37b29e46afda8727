package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands returns what the scripts can say besides testscript's own.
func commands() map[string]command {
	all := map[string]struct {
		least int // number of arguments
		run   func(ts *testscript.TestScript, w *world, args []string) error
	}{
		"exitcode": {2, exitCode},
		"fails":    {2, fails},
		"registry": {0, serve},
		"forges":   {1, forges},
		"website":  {1, website},
		"retag":    {2, retag},
		"signblob": {2, signBlob},
		"login":    {2, login},
		"push":     {2, push},
		"token":    {2, token},
		"borrow":   {1, borrow},
		"tags":     {1, tags},
		"remember": {0, remember},
		"putback":  {1, putBack},
		"junk":     {2, junk},
		"attached": {1, attached},
		"admits":   {1, admits},
		"artifact": {2, pushArtifact},
		"refuses":  {2, refuses},
		"fault":    {3, fault},
		"heal":     {0, heal},
		"signal":   {1, send},
		"ended":    {1, ended},
		"database": {2, database},
		"setlines": {2, setLines},
		"large":    {2, large},
		"jsonis":   {3, jsonIs},
		"jsonl":    {1, jsonLines},
		"stages":   {2, stages},
		"outputs":  {2, outputs},
		"known":    {0, known},
		"fill":     {2, fill},
	}
	out := map[string]command{}
	for name, c := range all {
		out[name] = func(ts *testscript.TestScript, neg bool, args []string) {
			w, ok := ts.Value(worldKey{}).(*world)
			if neg || !ok || len(args) < c.least {
				ts.Fatalf("%s takes %d arguments and no !", name, c.least)
			}
			ts.Check(c.run(ts, w, args))
		}
	}
	return out
}

// exitcode N PROGRAM ARG... runs a program and compares its exit code. No
// temporary file may be left.
func exitCode(ts *testscript.TestScript, _ *world, args []string) error {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		return err
	}
	if got != want {
		return fmt.Errorf("exit code %d, want %d", got, want)
	}
	return clean(ts)
}

// fails N PROGRAM ARG... is exitcode, for a program that fails: it must say why
// in one clear sentence, at its end, with at most a hint below.
func fails(ts *testscript.TestScript, w *world, args []string) error {
	if err := exitCode(ts, w, args); err != nil {
		return err
	}
	return oneSentence(ts.ReadFile("stderr"))
}

// oneSentence checks the form of what standard error ends with, and that no
// innards of the program or of its libraries show in it.
func oneSentence(stderr string) error {
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if last := len(lines) - 1; strings.HasPrefix(lines[last], "    hint: ") {
		lines = lines[:last]
	}
	count := 0
	for _, line := range lines {
		if strings.HasPrefix(line, "hallmark: ") {
			count++
		}
	}
	if count != 1 || !strings.HasPrefix(lines[len(lines)-1], "hallmark: ") {
		return fmt.Errorf("want one sentence that begins with %q and at most a hint after it", "hallmark: ")
	}
	sentence := lines[len(lines)-1]
	if len(sentence) > 600 {
		return fmt.Errorf("the sentence has %d characters", len(sentence))
	}
	for _, innards := range []string{"%!", "goroutine", "<nil>", "<html>", "*errors", "runtime error", "/.tmp/", "hallmark-", "json: cannot unmarshal"} {
		if strings.Contains(sentence, innards) {
			return fmt.Errorf("the sentence shows innards: %q", innards)
		}
	}
	return nil
}

// clean checks that no temporary file is left: in the folder for them, in output
// folders, in the cache.
func clean(ts *testscript.TestScript) error {
	left, err := os.ReadDir(ts.Getenv("TMPDIR"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if len(left) > 0 {
		return fmt.Errorf("left in the folder for temporary files: %v", left)
	}
	return filepath.WalkDir(ts.Getenv("WORK"), func(path string, _ os.DirEntry, err error) error {
		base := filepath.Base(path)
		if base != ".hallmark-demo" && strings.HasPrefix(base, ".hallmark-") || strings.HasPrefix(base, "tmp-") {
			return fmt.Errorf("left behind: %s", path)
		}
		return err
	})
}

// signal NAME waits until the last fault was met and sends a signal to the
// program that runs in the background.
func send(ts *testscript.TestScript, w *world, args []string) error {
	which, ok := map[string]os.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM}[args[0]]
	background := ts.BackgroundCmds()
	if !ok || len(background) != 1 {
		return fmt.Errorf("cannot send %s to %d programs", args[0], len(background))
	}
	w.running = background[0]
	alive := time.NewTicker(20 * time.Millisecond)
	defer alive.Stop()
	for {
		select {
		case <-w.stalled.reached:
			return w.running.Process.Signal(which)
		case <-alive.C:
			if err := w.running.Process.Signal(syscall.Signal(0)); err != nil {
				return fmt.Errorf("it ended before the registry saw %s of %s: %w", w.stalled.method, w.stalled.path, err)
			}
		}
	}
}

// ended N compares the exit code of the program that was signalled and waited
// for, and checks what it left as fails does.
func ended(ts *testscript.TestScript, w *world, args []string) error {
	if got := fmt.Sprint(w.running.ProcessState.ExitCode()); got != args[0] {
		return fmt.Errorf("exit code %s, want %s", got, args[0])
	}
	if err := clean(ts); err != nil {
		return err
	}
	return oneSentence(ts.ReadFile("stderr"))
}
