package cli_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// setlines NAME FILE sets a variable to a file's content.
func setLines(ts *testscript.TestScript, _ *world, args []string) error {
	ts.Setenv(args[0], ts.ReadFile(args[1]))
	return nil
}

// large FILE BYTES makes a file of that size that takes no room.
func large(ts *testscript.TestScript, _ *world, args []string) error {
	size, err := strconv.ParseInt(args[1], 10, 64)
	if err != nil {
		return err
	}
	if err := os.WriteFile(ts.MkAbs(args[0]), nil, 0o600); err != nil {
		return err
	}
	return os.Truncate(ts.MkAbs(args[0]), size)
}

// jsonis FILE PATH VALUE compares one value in a JSON document: PATH names
// fields and places with dots between, and length that of an array. A VALUE of
// the form <FILE is that file's content. Nothing may follow the document.
func jsonIs(ts *testscript.TestScript, _ *world, args []string) error {
	var value any
	if err := json.Unmarshal([]byte(ts.ReadFile(args[0])), &value); err != nil {
		return err
	}
	for step := range strings.SplitSeq(args[1], ".") {
		value = at(value, step)
	}
	got, ok := value.(string)
	if !ok {
		encoded, err := json.Marshal(value)
		if err != nil {
			return err
		}
		got = string(encoded)
	}
	want := args[2]
	if path, ok := strings.CutPrefix(want, "<"); ok {
		want = ts.ReadFile(path)
	}
	if got != want {
		return fmt.Errorf("%s is %q, want %q", args[1], got, want)
	}
	return nil
}

func at(value any, step string) any {
	switch v := value.(type) {
	case map[string]any:
		return v[step]
	case []any:
		if step == "length" {
			return len(v)
		}
		if i, err := strconv.Atoi(step); err == nil && i < len(v) {
			return v[i]
		}
	}
	return nil
}

// jsonl FILE checks that each line is one JSON object.
func jsonLines(ts *testscript.TestScript, _ *world, args []string) error {
	content := ts.ReadFile(args[0])
	if content == "" {
		return errors.New("there is no line")
	}
	for line := range strings.Lines(content) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			return fmt.Errorf("%q is not a JSON object: %w", line, err)
		}
	}
	return nil
}

// stages FILE NAME... compares the stages that are in events of log-format
// json.
func stages(ts *testscript.TestScript, _ *world, args []string) error {
	var got []string
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		var event struct {
			Time  time.Time
			Stage string
		}
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			return err
		}
		if event.Stage == "" {
			continue // a warning or an error
		}
		if event.Time.IsZero() {
			return fmt.Errorf("%q has no time", line)
		}
		got = append(got, event.Stage)
	}
	if want := args[1:]; !slices.Equal(got, want) {
		return fmt.Errorf("the stages are %v, want %v", got, want)
	}
	return nil
}
