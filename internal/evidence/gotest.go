package evidence

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// goEvent is a line of go test -json (go doc test2json).
type goEvent struct{ Action, Package, Test, ImportPath string }

// readGoTest reads the events of go test -json. A test or a package of which the end
// is not told has failed: the output may have been cut off anywhere.
func readGoTest(content []byte, into *tests) error {
	decoder := json.NewDecoder(bufio.NewReader(bytes.NewReader(content)))
	begun := map[string]bool{} // and not ended
	for decoder.More() {
		var event goEvent
		if err := decoder.Decode(&event); err != nil {
			return fmt.Errorf("it is not the output of go test -json: at byte %d it is no event", decoder.InputOffset())
		}
		if event.Action == "" || event.name() == "" && event.Action != "build-output" {
			return errors.New("it is not the output of go test -json: an event names no action or no package")
		}
		if err := event.take(into, begun); err != nil {
			return err
		}
	}
	for name := range begun {
		if err := into.add(name, failed); err != nil {
			return err
		}
	}
	return nil
}

// name returns what an event is about.
func (e goEvent) name() string {
	switch {
	case e.Action == "build-fail":
		return e.ImportPath
	case e.Test != "":
		return e.Package + "." + e.Test
	}
	return e.Package
}

// take counts one event. What is said of a test says that its package has begun; Go before 1.20 does not say more.
func (e goEvent) take(into *tests, begun map[string]bool) error {
	if e.Test != "" && e.Package != "" {
		begun[e.Package] = true
	}
	switch e.Action {
	case "start", "run":
		begun[e.name()] = true
		return nil
	case "fail", "build-fail":
		delete(begun, e.name())
		return into.add(e.name(), failed)
	case "pass", "skip":
		delete(begun, e.name())
		if e.Test == "" { // a package, of which the tests are told
			return nil
		}
		if e.Action == "skip" {
			return into.add(e.name(), warned)
		}
		return into.add(e.name(), passed)
	}
	return nil
}
