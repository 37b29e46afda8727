package filetree

import (
	"archive/tar"
	"context"
	"errors"
	"io"
	"path"
	"strings"
)

// maxPath is the number of bytes that a path, or what a link points to, may have:
// 4,096, as on Linux.
const maxPath = 4096

// unpacked is what one layer holds.
type unpacked struct {
	entries []*entry
	size    int64 // of the contents
}

// unpacker reads the archives of layers.
type unpacker struct {
	keeper *keeper
	taken  *taken
	batch  []entry // entries are made many at once
}

// unpack reads an archive to the very end, so that whoever hands it out can say
// whether all of it was what it should be.
func (u *unpacker) unpack(ctx context.Context, r io.Reader, layer int32) (unpacked, error) {
	var out unpacked
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return unpacked{}, drained(r, err)
		}
		if ctx.Err() != nil {
			return unpacked{}, context.Cause(ctx)
		}
		if header.Typeflag == tar.TypeXGlobalHeader { // it is about the others
			continue
		}
		e, err := u.entry(header, layer)
		if err != nil {
			return unpacked{}, err
		}
		if err := u.content(ctx, e, header, archive); err != nil {
			return unpacked{}, err
		}
		out.entries = append(out.entries, e)
		out.size += header.Size
	}
	_, err := io.Copy(io.Discard, r)
	return out, err
}

// drained reads what is left of a broken archive, to find out whether the archive was
// made so or came so.
func drained(r io.Reader, broken error) error {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return err
	}
	return broken
}

// entry takes over what counts of a header.
func (u *unpacker) entry(header *tar.Header, layer int32) (*entry, error) {
	if err := u.taken.take(header); err != nil {
		return nil, err
	}
	if len(u.batch) == 0 {
		u.batch = make([]entry, 256)
	}
	e := &u.batch[0]
	u.batch = u.batch[1:]
	*e = entry{
		path: path.Clean("/" + header.Name), link: header.Linkname, size: header.Size,
		seconds: header.ModTime.Unix(), nanos: int32(header.ModTime.Nanosecond()), //nolint:gosec // below a second
		uid: header.Uid, gid: header.Gid, mode: header.FileInfo().Mode(), kind: kindOf(header.Typeflag), layer: layer,
	}
	return e, nil
}

// content keeps the content of an entry, if it has one: that of a sparse file with its
// holes, which read as zeros and take no room in the archive.
func (u *unpacker) content(ctx context.Context, e *entry, header *tar.Header, archive io.Reader) error {
	if header.Size <= 0 {
		return nil
	}
	got, err := u.keeper.keep(interrupted{ctx, archive}, header.Size)
	if err != nil {
		return err
	}
	e.content, e.program, e.marks = got.content, got.program, got.marks
	return nil
}

// sparse reports whether a content has holes that take no room in the archive.
func sparse(header *tar.Header) bool {
	if header.Typeflag == tar.TypeGNUSparse {
		return true
	}
	for key := range header.PAXRecords {
		if strings.HasPrefix(key, "GNU.sparse.") {
			return true
		}
	}
	return false
}

func kindOf(flag byte) Kind {
	switch flag {
	case tar.TypeReg, tar.TypeGNUSparse, tar.TypeCont:
		return Regular
	case tar.TypeDir:
		return Directory
	case tar.TypeSymlink:
		return Symlink
	case tar.TypeLink:
		return HardLink
	case tar.TypeChar:
		return CharDevice
	case tar.TypeBlock:
		return BlockDevice
	case tar.TypeFifo:
		return FIFO
	}
	return Irregular
}

// interrupted is a reader that fails when ctx ends.
type interrupted struct {
	ctx context.Context
	io.Reader
}

// Read implements io.Reader.
func (r interrupted) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}
