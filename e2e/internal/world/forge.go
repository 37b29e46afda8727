package world

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// The media types of what holds an attestation, and the payload type of a
// statement.
const (
	EnvelopeType = "application/vnd.dsse.envelope.v1+json"
	BundleType   = "application/vnd.dev.sigstore.bundle.v0.3+json"
	PayloadType  = "application/vnd.in-toto+json"
)

// Forger holds a key, and signs what no program would.
type Forger struct{ key *ecdsa.PrivateKey }

// NewForger makes a key.
func NewForger() (Forger, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Forger{}, fmt.Errorf("making a key: %w", err)
	}
	return Forger{key: key}, nil
}

// PublicKey returns the public key as PEM.
func (f Forger) PublicKey() ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), nil
}

// Envelope is a DSSE envelope whose parts need not fit together.
type Envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     []byte      `json:"payload"`
	Signatures  []Signature `json:"signatures"`
}

// Signature is one of an envelope.
type Signature struct {
	KeyID string `json:"keyid"`
	Sig   []byte `json:"sig"`
}

// Sign signs a payload as one of a type.
func (f Forger) Sign(payloadType string, payload []byte) (Envelope, error) {
	digest := sha256.Sum256(fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload))
	sig, err := ecdsa.SignASN1(rand.Reader, f.key, digest[:])
	if err != nil {
		return Envelope{}, fmt.Errorf("signing a forgery: %w", err)
	}
	return Envelope{PayloadType: payloadType, Payload: payload, Signatures: []Signature{{Sig: sig}}}, nil
}

// Bundle puts an envelope into a bundle in the name of the key.
func (f Forger) Bundle(e Envelope) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(f.key.Public())
	if err != nil {
		return nil, fmt.Errorf("encoding a key: %w", err)
	}
	hint := sha256.Sum256(der)
	return json.Marshal(map[string]any{
		"mediaType":            BundleType,
		"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": base64.StdEncoding.EncodeToString(hint[:])}},
		"dsseEnvelope":         e,
	})
}

// AttachLayers puts layers under the tag sha256-<hex>.att of a pinned image.
func AttachLayers(ctx context.Context, image, predicateType string, layers [][]byte) error {
	digest, err := name.NewDigest(image)
	if err != nil {
		return err
	}
	annotations := map[string]string{"dev.cosignproject.cosign/signature": "", "predicateType": predicateType}
	m := v1.Manifest{SchemaVersion: 2, MediaType: types.OCIManifestSchema1}
	if m.Config, err = blob(ctx, digest, []byte("{}"), types.OCIConfigJSON); err != nil {
		return err
	}
	for _, layer := range layers {
		d, err := blob(ctx, digest, layer, EnvelopeType)
		if err != nil {
			return err
		}
		d.Annotations = annotations
		m.Layers = append(m.Layers, d)
	}
	return put(ctx, digest.Context(), strings.Replace(digest.DigestStr(), ":", "-", 1)+".att", m)
}

// AttachReferrer lets a manifest of a type refer to a pinned image.
func AttachReferrer(ctx context.Context, image, predicateType, artifactType string, layer []byte) error {
	return attachReferrer(ctx, image, predicateType, artifactType, layer, int64(len(layer)))
}

// AttachClaiming is AttachReferrer for a layer of which the manifest says that it has
// so many bytes.
func AttachClaiming(ctx context.Context, image, artifactType string, layer []byte, size int64) error {
	return attachReferrer(ctx, image, "", artifactType, layer, size)
}

func attachReferrer(ctx context.Context, image, predicateType, artifactType string, layer []byte, size int64) error {
	digest, err := name.NewDigest(image)
	if err != nil {
		return err
	}
	subject, err := remote.Head(digest, remote.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("referring to %s: %w", digest, err)
	}
	m := v1.Manifest{
		SchemaVersion: 2, MediaType: types.OCIManifestSchema1, ArtifactType: artifactType, Subject: subject,
		Annotations: map[string]string{"dev.sigstore.bundle.content": "dsse-envelope", "dev.sigstore.bundle.predicateType": predicateType},
	}
	if m.Config, err = blob(ctx, digest, []byte("{}"), "application/vnd.oci.empty.v1+json"); err != nil {
		return err
	}
	d, err := blob(ctx, digest, layer, types.MediaType(artifactType))
	if err != nil {
		return err
	}
	d.Size = size
	m.Layers = []v1.Descriptor{d}
	return put(ctx, digest.Context(), "", m)
}

func blob(ctx context.Context, image name.Digest, content []byte, mediaType types.MediaType) (v1.Descriptor, error) {
	layer := static.NewLayer(content, mediaType)
	if err := remote.WriteLayer(image.Context(), layer, remote.WithContext(ctx)); err != nil {
		return v1.Descriptor{}, fmt.Errorf("pushing a forgery: %w", err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(content))
	return v1.Descriptor{MediaType: mediaType, Digest: digest, Size: size}, err
}

// put writes a manifest under a tag, or without one.
func put(ctx context.Context, repository name.Repository, tag string, m v1.Manifest) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("pushing a forgery: %w", err)
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("pushing a forgery: %w", err)
	}
	var ref name.Reference = repository.Digest(digest.String())
	if tag != "" {
		ref = repository.Tag(tag)
	}
	if err := remote.Put(ref, manifest(raw), remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("pushing a forgery: %w", err)
	}
	return nil
}

// manifest is the bytes of one.
type manifest []byte

// RawManifest implements remote.Taggable.
func (m manifest) RawManifest() ([]byte, error) { return m, nil }

// MediaType says what it is.
func (manifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }
