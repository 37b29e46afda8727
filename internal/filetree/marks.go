package filetree

import "bytes"

// MaxMarks is the number of marks that can be looked for.
const MaxMarks = 8

// marks are pieces of programs that somebody wants to know of. They are looked for
// while the programs pass by, once.
type marks []string

// overlap is the number of bytes at the end of a part of a program with which a mark
// may begin.
func (m marks) overlap() int {
	longest := 1
	for _, w := range m {
		longest = max(longest, len(w))
	}
	return longest - 1
}

// in returns which of the marks are in a part of a program, a bit for each, besides
// those that are known to be in it.
func (m marks) in(part []byte, known uint8) uint8 {
	for i, w := range m {
		if bit := uint8(1) << i; known&bit == 0 && bytes.Contains(part, []byte(w)) {
			known |= bit
		}
	}
	return known
}

// Marked reports whether a file is a program that has a mark in it. Of a mark that
// Read was not asked to look for, nobody knows: every program may have it.
func (t *Tree) Marked(f *File, mark string) bool {
	if f.entry == nil || !f.entry.program {
		return false
	}
	for i, w := range t.marks {
		if w == mark {
			return f.entry.marks&(1<<i) != 0
		}
	}
	return true
}
