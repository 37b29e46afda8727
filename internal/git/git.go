// Package git reads what a workspace says about the commit that was built: who
// made it, whether it is signed, and whether the files are still those of the
// commit.
//
// It reads the objects of one commit and never its history. What grows with the
// history is the list of what is in the packs, which go-git reads as a whole: some
// 300 ms and 30 MB for a hundred thousand commits (BenchmarkRead). It runs no
// program and obeys no configuration of the repository. Everything in a commit
// was written by whoever made it, and is bounded here and escaped where it is
// shown.
package git

import (
	"errors"
	"fmt"
	"strings"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const (
	maxObject  = 1 << 20 // bytes of a commit object
	maxName    = 1 << 10 // bytes of a name or an address
	maxMessage = 8 << 10 // bytes of a message
)

// Workspace is what a folder with sources says about itself.
type Workspace struct {
	Found    bool    // it is a repository of git
	Head     string  // commit that is checked out; empty: none yet
	Branch   string  // that HEAD names; empty: detached
	Detached bool    // HEAD names a commit and no branch
	Dirty    *bool   // whether tracked files differ from the commit; nil: could not be told
	Commit   *Commit // that was asked for; nil: it is not in the clone
}

// Commit is what a commit says about itself.
type Commit struct {
	Hash           string
	Author         string
	AuthorEmail    string
	Committer      string
	CommitterEmail string
	Message        string
	Signature      string // gpg, ssh, x509, unknown; empty: not signed. Nobody has verified it
	CommittedAt    time.Time
}

// Read reads the repository in a folder and the commit with a hash in it, that of
// HEAD if none is given. A folder that is no repository is no error; one that is
// damaged is.
func Read(folder, commit string) (Workspace, error) {
	if folder == "" {
		return Workspace{}, nil
	}
	repository, err := gogit.PlainOpenWithOptions(folder, &gogit.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return Workspace{}, nil
	}
	if err != nil {
		return Workspace{}, fmt.Errorf("opening the repository in %s: %w", folder, err)
	}
	w := Workspace{Found: true}
	head, err := repository.Reference(plumbing.HEAD, false)
	if err != nil {
		return w, fmt.Errorf("reading HEAD in %s: %w", folder, err)
	}
	w.Detached = head.Type() == plumbing.HashReference
	if w.Detached && head.Hash().IsZero() {
		return w, fmt.Errorf("reading HEAD in %s: it names neither a branch nor a commit", folder)
	}
	if !w.Detached {
		w.Branch = bounded(head.Target().Short(), maxName)
	}
	resolved, err := repository.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return w, nil // nothing is committed yet
	}
	if err != nil {
		return w, fmt.Errorf("reading HEAD in %s: %w", folder, err)
	}
	w.Head = resolved.Hash().String()
	w.Dirty = dirty(folder, repository, resolved.Hash())
	if commit == "" {
		commit = w.Head
	}
	w.Commit, err = readCommit(repository, commit)
	if err != nil {
		return w, fmt.Errorf("reading the commit %s in %s: %w", commit, folder, err)
	}
	return w, nil
}

// readCommit returns nil for a commit that the clone does not have.
func readCommit(repository *gogit.Repository, commit string) (*Commit, error) {
	if !plumbing.IsHash(commit) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	c, err := commitObject(repository, plumbing.NewHash(commit))
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if err != nil {
		return nil, err
	}
	return &Commit{
		Hash:   c.Hash.String(),
		Author: bounded(c.Author.Name, maxName), AuthorEmail: bounded(c.Author.Email, maxName),
		Committer: bounded(c.Committer.Name, maxName), CommitterEmail: bounded(c.Committer.Email, maxName),
		Message: bounded(c.Message, maxMessage), Signature: signatureKind(c.PGPSignature), CommittedAt: c.Committer.When,
	}, nil
}

func commitObject(repository *gogit.Repository, hash plumbing.Hash) (*object.Commit, error) {
	size, err := repository.Storer.EncodedObjectSize(hash)
	if err != nil {
		return nil, err
	}
	if size > maxObject {
		return nil, fmt.Errorf("it has %d bytes, the limit is %d (1 MiB)", size, maxObject)
	}
	return repository.CommitObject(hash)
}

// signatureKind tells by its armour how a commit is signed.
func signatureKind(armoured string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(armoured), "\n")
	switch strings.TrimSpace(first) {
	case "":
		return ""
	case "-----BEGIN PGP SIGNATURE-----", "-----BEGIN PGP MESSAGE-----":
		return "gpg"
	case "-----BEGIN SSH SIGNATURE-----":
		return "ssh"
	case "-----BEGIN SIGNED MESSAGE-----":
		return "x509"
	}
	return "unknown"
}

// bounded returns at most limit bytes of a text as valid UTF-8.
func bounded(s string, limit int) string {
	if len(s) > limit {
		s = s[:limit]
	}
	return strings.TrimSpace(strings.ToValidUTF8(s, ""))
}
