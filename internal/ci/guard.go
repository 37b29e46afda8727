package ci

import (
	"bytes"
	"io"
	"unicode"
)

// Guard is a log in which nothing is a command to the host. Names of packages
// and texts of advisories are printed, and a host that reads all that a job prints
// would obey a line like ::add-mask::. What prints them escapes them; Guard is there
// for what does not, and for libraries that print by themselves.
type Guard struct {
	out  io.Writer
	rest []byte // a line that has not ended
	json bool
}

// NewGuard returns a Guard that writes to out, line by line.
func NewGuard(out io.Writer) *Guard { return &Guard{out: out} }

// JSON tells that JSON is written from here on. In it, commands are escaped so
// that a reader gets the same strings.
func (g *Guard) JSON() { g.json = true }

// Write implements io.Writer.
func (g *Guard) Write(p []byte) (int, error) {
	g.rest = append(g.rest, p...)
	end := bytes.LastIndexByte(g.rest, '\n') + 1
	if end == 0 {
		return len(p), nil
	}
	var safe []byte
	for line := range bytes.Lines(g.rest[:end]) {
		safe = append(safe, g.harmless(line)...)
	}
	g.rest = append([]byte(nil), g.rest[end:]...)
	_, err := g.out.Write(safe)
	return len(p), err
}

// Flush writes a last line that has no end.
func (g *Guard) Flush() error {
	safe := g.harmless(g.rest)
	g.rest = nil
	_, err := g.out.Write(safe)
	return err
}

// harmless returns a line that no host obeys. GitHub obeys ##[command]data
// anywhere and ::command::data after white space; a carriage return begins a new
// line for it. GitLab's sections begin with an escape.
func (g *Guard) harmless(line []byte) []byte {
	line = bytes.ReplaceAll(bytes.ReplaceAll(line, []byte("\r"), nil), []byte("\x1b"), nil)
	apart := "# #["
	if g.json {
		apart = `#\u0023[`
	}
	line = bytes.ReplaceAll(line, []byte("##["), []byte(apart))
	if at := len(line) - len(bytes.TrimLeftFunc(line, blank)); bytes.HasPrefix(line[at:], []byte("::")) {
		line = append(append(append([]byte(nil), line[:at]...), ": "...), line[at+1:]...)
	}
	return line
}

// blank reports what may come before a command.
func blank(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' }
