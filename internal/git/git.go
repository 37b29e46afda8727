// Package git reads what a workspace says about the commit that was built: who
// made it, whether it is signed, and whether the files are still those of the
// commit.
//
// It reads the objects of one commit and never its history, nor the list of what
// the history consists of: a hundred thousand commits cost what one costs
// (BenchmarkRead). It runs no program and obeys no configuration of the
// repository. Everything in a commit was written by whoever made it, and is
// bounded here and escaped where it is shown.
package git

import (
	"errors"
	"fmt"
	"strings"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
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
	objects, err := lazily(repository)
	if err != nil {
		return Workspace{}, fmt.Errorf("opening the repository in %s: %w", folder, err)
	}
	defer objects.close()
	w, err := readHead(repository)
	if err != nil {
		return w, fmt.Errorf("reading HEAD in %s: %w", folder, err)
	}
	if w.Head == "" {
		return w, nil // nothing is committed yet
	}
	w.Dirty = dirty(folder, repository, plumbing.NewHash(w.Head))
	if commit == "" {
		commit = w.Head
	}
	w.Commit, err = readCommit(repository, commit)
	if err == nil && w.Commit == nil && commit == w.Head {
		err = errors.New("it is missing, and HEAD names it")
	}
	if err != nil {
		return w, fmt.Errorf("reading the commit %s in %s: %w", commit, folder, err)
	}
	return w, nil
}

// readHead reads what is checked out.
func readHead(repository *gogit.Repository) (Workspace, error) {
	w := Workspace{Found: true}
	head, err := repository.Reference(plumbing.HEAD, false)
	if err != nil {
		return w, err
	}
	w.Detached = head.Type() == plumbing.HashReference
	if w.Detached && head.Hash().IsZero() {
		return w, errors.New("it names neither a branch nor a commit")
	}
	if !w.Detached {
		w.Branch = bounded(head.Target().Short(), maxName)
	}
	resolved, err := repository.Head()
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	w.Head = resolved.Hash().String()
	return w, nil
}

// readCommit returns nil for a commit that the clone does not have.
func readCommit(repository *gogit.Repository, commit string) (*Commit, error) {
	if !plumbing.IsHash(commit) {
		return nil, nil //nolint:nilnil // none is an answer
	}
	c, err := repository.CommitObject(plumbing.NewHash(commit))
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
