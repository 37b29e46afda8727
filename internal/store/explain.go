package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxAnswer bounds what is shown of a registry's own words, in bytes.
const maxAnswer = 400

// explain turns an error of the registry client into words about the registry.
// The reason for which the context ended goes before what the network made of
// it.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var status *transport.Error
	var network *net.OpError
	switch {
	case errors.As(err, &status):
		return explainStatus(status)
	case cutOff(err):
		return fault.WithHint(errors.New("the registry broke the connection"), "try again; if it stays so, its own log will say more")
	case errors.As(err, &network):
		return fault.WithHint(fmt.Errorf("the registry cannot be reached: %w", network),
			"check the registry's name and port, and that this job may reach it")
	}
	return err
}

func explainStatus(status *transport.Error) error {
	switch status.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.WithHint(fmt.Errorf("the registry refuses access (%d)", status.StatusCode),
			"give registry-username and registry-password, or log in with docker first")
	case http.StatusTooManyRequests:
		return fault.WithHint(errors.New("the registry limits the rate of requests (429)"),
			"try again later, or log in for a higher limit")
	}
	answer := fmt.Sprintf("the registry answered %d %s", status.StatusCode, http.StatusText(status.StatusCode))
	for _, d := range status.Errors {
		answer += ": " + string(d.Code) + " " + d.Message
	}
	return errors.New(plain.Line(answer, maxAnswer))
}

// explainWrite is explain for writing: who may read may still not write, and a
// tag may be there for good.
func explainWrite(ctx context.Context, format Format, where string, err error) error {
	explained := fmt.Errorf("writing %s: %w", where, explain(ctx, err))
	switch {
	case refusesAccess(err):
		return fault.WithHint(explained,
			"this job's login may pull but not push: give registry-username and registry-password of one that may")
	case immutable(err):
		hint := "the registry does not let this tag be overwritten: allow it for tags sha256-*"
		if format == FormatAtt {
			hint += ", or use attestation-format bundle, which needs no tag where the registry has the referrers API"
		}
		return fault.WithHint(explained, "%s", hint)
	}
	return explained
}

// passing marks an explained failure of a write if it is of the kind that passes.
func passing(err, explained error) error {
	if err == nil {
		return nil
	}
	status, ok := errors.AsType[*transport.Error](err)
	if ok && status.StatusCode != http.StatusTooManyRequests && status.StatusCode < http.StatusInternalServerError {
		return explained
	}
	if ok || cutOff(err) {
		return passingError{explained}
	}
	return explained
}

// cutOff reports whether a connection ended before its time.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET)
}

// immutable reports whether a registry refuses to overwrite a tag. Amazon ECR
// says TAG_INVALID, Harbor answers 412, others name the word.
func immutable(err error) bool {
	status, ok := errors.AsType[*transport.Error](err)
	return ok && status.StatusCode == http.StatusPreconditionFailed || ok && slices.ContainsFunc(status.Errors, func(d transport.Diagnostic) bool {
		return d.Code == "TAG_INVALID" || strings.Contains(strings.ToLower(d.Message), "immutable")
	})
}

// refusesAccess reports whether the login does not suffice.
func refusesAccess(err error) bool {
	status, ok := errors.AsType[*transport.Error](err)
	return ok && (status.StatusCode == http.StatusUnauthorized || status.StatusCode == http.StatusForbidden)
}
