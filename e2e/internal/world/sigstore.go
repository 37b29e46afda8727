package world

import (
	"context"
	"errors"
	"path/filepath"
)

// TrustRootName is what a ClusterImagePolicy calls the TrustRoot.
const TrustRootName = "private"

// Sigstore is a running deployment of its own: Fulcio, Rekor v2 and a timestamp
// authority, the real ones, with an issuer of tokens before them. It has no
// certificate transparency log. Nothing of it outlives its folder.
type Sigstore struct {
	FulcioURL    string
	RekorURL     string
	TimestampURL string // with the path of the service, as clients take it

	TrustedRoot         string // the file trusted_root.json
	SigningConfig       string // the file signing_config.json, version 0.2
	ControllerTrustRoot string // a file with a TrustRoot, Policy Controller's resource

	FulcioChain    Chain
	TimestampChain Chain
	RekorKey       string // the log's public key, a PEM file

	Issuer *Issuer

	services []*service
}

// StartSigstore starts a deployment on loopback that keeps everything in dir,
// and returns when each part answers. Stop ends it. There can be one on a
// machine at a time: where there is one, it waits for its end.
func StartSigstore(ctx context.Context, dir string) (*Sigstore, error) {
	s := &Sigstore{
		TrustedRoot:         filepath.Join(dir, "trusted_root.json"),
		SigningConfig:       filepath.Join(dir, "signing_config.json"),
		ControllerTrustRoot: filepath.Join(dir, "trustroot.yaml"),
		FulcioChain:         chainIn(dir, "fulcio"),
		TimestampChain:      chainIn(dir, "timestamp"),
		RekorKey:            filepath.Join(dir, "rekor.pub"),
	}
	if err := s.start(ctx, dir); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Sigstore) start(ctx context.Context, dir string) error {
	var err error
	if s.Issuer, err = startIssuer(); err != nil {
		return err
	}
	fulcio, address, err := startFulcio(ctx, dir, s.Issuer, s.FulcioChain)
	if err != nil {
		return err
	}
	s.services, s.FulcioURL = append(s.services, fulcio), address
	rekor, address, err := startRekor(ctx, dir, s.RekorKey)
	if err != nil {
		return err
	}
	s.services, s.RekorURL = append(s.services, rekor), address
	timestamps, address, err := startTimestamps(ctx, dir)
	if err != nil {
		return err
	}
	s.services, s.TimestampURL = append(s.services, timestamps), address
	if err := errors.Join(
		fulcio.answers(ctx, s.FulcioURL+"/healthz"),
		rekor.answers(ctx, s.RekorURL+"/healthz"),
		timestamps.answers(ctx, s.TimestampURL+"/certchain"),
	); err != nil {
		return err
	}
	if err := fetchTimestampChain(ctx, s.TimestampURL, s.TimestampChain); err != nil {
		return err
	}
	return errors.Join(s.writeTrust(ctx, dir), s.writeTrustRoot())
}

// Stop ends the deployment and waits for it.
func (s *Sigstore) Stop() error {
	var errs []error
	for _, service := range s.services {
		errs = append(errs, service.stop())
	}
	if s.Issuer != nil {
		errs = append(errs, s.Issuer.stop())
	}
	return errors.Join(errs...)
}
