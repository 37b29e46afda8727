// Package verify decides what may be believed. It takes an envelope as a
// registry gave it, the subject it should be about and the signers that are
// trusted, and returns a Verified or the reason why not.
//
// A Verified cannot be made anywhere else: its fields are unexported. Whoever
// holds one knows that the signature, the payload type, the statement type and
// the subject's digest were all checked.
package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hallmark-ci/hallmark/internal/attest"
)

// Verified is a statement whose signature by a trusted signer was checked and
// whose subject is the image asked about.
type Verified struct {
	statement attest.Statement
	payload   []byte
	envelope  attest.Envelope
	signer    string
	source    Source
	signedAt  time.Time
}

// Statement returns the verified statement.
func (v Verified) Statement() attest.Statement { return v.statement }

// PredicateType returns the URI of the statement's predicate type.
func (v Verified) PredicateType() string { return v.statement.PredicateType }

// Payload returns the statement's bytes exactly as they were signed.
func (v Verified) Payload() []byte { return v.payload }

// Envelope returns the envelope that was verified.
func (v Verified) Envelope() attest.Envelope { return v.envelope }

// Signer names the trusted signer whose signature was found.
func (v Verified) Signer() string { return v.signer }

// Source returns what the signer's certificate says of the job that it was given to,
// exactly; it is empty for keys, and where the issuer does not tell.
func (v Verified) Source() Source { return v.source }

// SignedAt returns the time of the signature by a trusted clock, that of a
// timestamp authority or a log, and the zero time where none vouches for it.
func (v Verified) SignedAt() time.Time { return v.signedAt }

// Time returns when the attestation was made: by a trusted clock if there is
// one, else as its statement claims; the zero time where neither says so.
func (v Verified) Time() time.Time {
	if !v.signedAt.IsZero() {
		return v.signedAt
	}
	return v.statement.ClaimedTime()
}

// Trust is the set of signers that are believed. Its zero value believes
// nobody.
type Trust struct {
	authorities []authority
}

// authority believes some signers.
type authority interface {
	// open returns the payload as a believed signature covers it.
	open(e attest.Envelope) (opened, error)
	// check makes sure that a believed signer signed an image itself.
	check(sig attest.Signature) (opened, error)
	// wrote reports whether one of them signed an envelope, whatever vouches for it.
	wrote(e attest.Envelope) bool
	// wroteSignature does so for a signature of an image.
	wroteSignature(sig attest.Signature) bool
	// names returns the names of those who are believed.
	names() []string
}

// opened is what an authority found.
type opened struct {
	payload []byte
	signer  string
	source  Source    // that its certificate names
	at      time.Time // by a trusted clock, or zero
}

// And returns a Trust in everybody that t or other believes.
func (t Trust) And(other Trust) Trust {
	return Trust{authorities: slices.Concat(t.authorities, other.authorities)}
}

// Signers returns the names of the trusted signers.
func (t Trust) Signers() []string {
	var names []string
	for _, a := range t.authorities {
		names = append(names, a.names()...)
	}
	return names
}

// Verify checks, in this order: that a trusted signer signed the envelope over
// the payload type of in-toto, that the payload is a statement of a known
// version, and that the subject is among the artifacts it is about. The error
// says which of them did not hold.
func Verify(e attest.Envelope, subject attest.Subject, trust Trust) (Verified, error) {
	found, err := trust.ask(func(a authority) (opened, error) { return a.open(e) })
	if err != nil {
		return Verified{}, err
	}
	statement, err := attest.ParseStatement(found.payload)
	if err != nil {
		return Verified{}, err
	}
	if !statement.About(subject) {
		return Verified{}, fmt.Errorf("statement is about another image, not sha256:%s", subject.Hex())
	}
	return Verified{
		statement: statement, payload: found.payload, envelope: e, signer: found.signer,
		source: found.source, signedAt: found.at,
	}, nil
}

// ask asks one authority after the other. Of several refusals, the one that
// came closest to believing is told: the last of those who know such signatures.
func (t Trust) ask(question func(authority) (opened, error)) (opened, error) {
	refusal := errors.New("no signer is trusted")
	for i, a := range t.authorities {
		found, err := survive(a, question)
		if err == nil {
			return found, nil
		}
		if i == 0 || !errors.Is(err, errNotTrusted) {
			refusal = err
		}
	}
	return opened{}, refusal
}

// survive asks one authority. What its parsers do not survive of a hostile proof
// is refused: whoever may push must not be able to end the verification of the rest.
func survive(a authority, question func(authority) (opened, error)) (found opened, err error) {
	defer func() {
		if p := recover(); p != nil {
			found, err = opened{}, errors.New("what vouches for its signature is malformed: its parser panics")
		}
	}()
	return question(a)
}
