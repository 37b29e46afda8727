// Package sparsetest writes tar archives with sparse files in the four forms that GNU tar
// has for them (https://www.gnu.org/software/tar/manual/html_section/Sparse-Formats.html),
// none of which Go's archive/tar writes. It is for tests, and no part of the program.
package sparsetest

import (
	"archive/tar"
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// Format is a form of sparse files.
type Format string

// The forms.
const (
	OldGNU Format = "gnu" // type S, with the map in the header
	PAX00  Format = "0.0" // the map in repeated records
	PAX01  Format = "0.1" // the map in one record
	PAX10  Format = "1.0" // the map before the data
)

// Formats returns all of them.
func Formats() []Format { return []Format{OldGNU, PAX00, PAX01, PAX10} }

const block = 512

// piece is a part of a file that is stored.
type piece struct{ offset, size int64 }

// pieces returns what of a content is stored: all but blocks of zeros.
func pieces(content []byte) []piece {
	var out []piece
	zeros := make([]byte, block)
	for at := 0; at < len(content); at += block {
		end := min(at+block, len(content))
		if bytes.Equal(content[at:end], zeros[:end-at]) {
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].offset+out[last].size == int64(at) {
			out[last].size += int64(end - at)
			continue
		}
		out = append(out, piece{int64(at), int64(end - at)})
	}
	return out
}

// Entry returns the entry of a file whose blocks of zeros are holes, without the end of
// an archive.
func Entry(f Format, name string, mode int64, content []byte) []byte {
	return entry(f, name, mode, pieces(content), int64(len(content)), func(p piece) []byte { return content[p.offset : p.offset+p.size] })
}

// Hole returns the entry of a file of a size that is nothing but a hole.
func Hole(f Format, name string, size int64) []byte { return entry(f, name, 0o644, nil, size, nil) }

// End returns the end of an archive.
func End() []byte { return make([]byte, 2*block) }

func entry(f Format, name string, mode int64, stored []piece, size int64, content func(piece) []byte) []byte {
	if last := len(stored) - 1; last < 0 || stored[last].offset+stored[last].size < size {
		stored = append(stored, piece{size, 0}) // so GNU tar says where a hole ends
	}
	var data bytes.Buffer
	if f == PAX10 {
		fmt.Fprintf(&data, "%d\n", len(stored))
		for _, p := range stored {
			fmt.Fprintf(&data, "%d\n%d\n", p.offset, p.size)
		}
		data.Write(make([]byte, (block-data.Len()%block)%block))
	}
	for _, p := range stored {
		if p.size > 0 {
			data.Write(content(p))
		}
	}
	var out bytes.Buffer
	if f == OldGNU {
		out.Write(oldGNU(name, mode, stored, size, int64(data.Len())))
	} else {
		text := records(f, name, stored, size)
		out.Write(header("PaxHeaders/"+name, 0o644, tar.TypeXHeader, int64(len(text))))
		out.Write(padded([]byte(text)))
		out.Write(header("GNUSparseFile.0/"+name, mode, tar.TypeReg, int64(data.Len())))
	}
	out.Write(padded(data.Bytes()))
	return out.Bytes()
}

// records returns the extended header of a file.
func records(f Format, name string, stored []piece, size int64) string {
	var out, list strings.Builder
	add := func(key, value string) { out.WriteString(record(key, value)) }
	switch f {
	case PAX10:
		add("GNU.sparse.major", "1")
		add("GNU.sparse.minor", "0")
		add("GNU.sparse.name", name)
		add("GNU.sparse.realsize", fmt.Sprint(size))
	case PAX00, PAX01, OldGNU:
		add("path", name)
		add("GNU.sparse.size", fmt.Sprint(size))
		add("GNU.sparse.numblocks", fmt.Sprint(len(stored)))
		for i, p := range stored {
			if f == PAX00 {
				add("GNU.sparse.offset", fmt.Sprint(p.offset))
				add("GNU.sparse.numbytes", fmt.Sprint(p.size))
			}
			if i > 0 {
				list.WriteString(",")
			}
			fmt.Fprintf(&list, "%d,%d", p.offset, p.size)
		}
		if f == PAX01 {
			add("GNU.sparse.map", list.String())
		}
	}
	return out.String()
}

// record returns a record of an extended header, which begins with its own length.
func record(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	length := len(rest)
	for length != len(rest)+len(strconv.Itoa(length)) {
		length = len(rest) + len(strconv.Itoa(length))
	}
	return strconv.Itoa(length) + rest
}

// oldGNU returns the header of a file, and the blocks that its map goes on in.
func oldGNU(name string, mode int64, stored []piece, size, physical int64) []byte {
	h := header(name, mode, tar.TypeGNUSparse, physical)
	copy(h[257:], "ustar  \x00")
	copy(h[345:], make([]byte, block-345))
	copy(h[483:], octal(size, 12))
	rest := putPieces(h[386:], stored, 4)
	var more []byte
	if len(rest) > 0 {
		h[482] = 1
	}
	for len(rest) > 0 {
		next := make([]byte, block)
		if rest = putPieces(next, rest, 21); len(rest) > 0 {
			next[504] = 1
		}
		more = append(more, next...)
	}
	return append(sum(h), more...)
}

// putPieces writes as many pieces as there is room for, and returns the others.
func putPieces(into []byte, stored []piece, room int) []piece {
	n := min(room, len(stored))
	for i, p := range stored[:n] {
		copy(into[i*24:], octal(p.offset, 12))
		copy(into[i*24+12:], octal(p.size, 12))
	}
	return stored[n:]
}

// header returns a ustar header.
func header(name string, mode int64, kind byte, size int64) []byte {
	h := make([]byte, block)
	copy(h[:100], name)
	copy(h[100:], octal(mode, 8))
	copy(h[108:], octal(0, 8))
	copy(h[116:], octal(0, 8))
	copy(h[124:], octal(size, 12))
	copy(h[136:], octal(0, 12))
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	return sum(h)
}

// octal returns a number for a field of a width; one that does not fit is binary, as GNU
// tar writes it.
func octal(n int64, width int) []byte {
	if text := fmt.Sprintf("%0*o", width-1, n); len(text) < width {
		return append([]byte(text), 0)
	}
	out := make([]byte, width)
	for i := width - 1; i > 0 && n > 0; i-- {
		out[i] = byte(n & 0xff)
		n >>= 8
	}
	out[0] |= 0x80
	return out
}

// sum returns a header with its checksum.
func sum(h []byte) []byte {
	copy(h[148:156], "        ")
	total := 0
	for _, b := range h {
		total += int(b)
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", total))
	return h
}

func padded(data []byte) []byte {
	return append(bytes.Clone(data), make([]byte, (block-len(data)%block)%block)...)
}
