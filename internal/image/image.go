package image

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// maxConfig bounds the config of an image, in bytes: 8 MiB, as container
// runtimes do.
const maxConfig = 8 << 20

// Registry resolves references and opens images.
type Registry struct {
	remote []remote.Option
	names  []name.Option
	limits Limits
}

// NewRegistry returns a Registry that is reached over a connection, by way of its
// mirrors, and whose layers keep within limits.
func NewRegistry(c *Connection, limits Limits) *Registry {
	return &Registry{remote: c.mirrored, names: c.access.NameOptions(), limits: limits}
}

// Image is a container image of one platform, pinned and ready to be read.
type Image struct {
	subject  attest.Subject
	content  v1.Image
	platform v1.Platform
}

// Subject returns the pinned image.
func (i Image) Subject() attest.Subject { return i.subject }

// Content returns the image. Reading its layers pulls and checks them.
func (i Image) Content() v1.Image { return i.content }

// Platform returns what the image is for, as in linux/arm64/v8: as its index
// says, or as its config says where no index does. It is empty if neither does.
func (i Image) Platform() string { return platformName(i.platform) }

// Resolve pins a reference to what the registry holds under it now. It takes
// images and indexes. A malformed reference is a usage error.
func (r *Registry) Resolve(ctx context.Context, reference string) (attest.Subject, error) {
	ref, err := r.parse(reference)
	if err != nil {
		return attest.Subject{}, err
	}
	descriptor, err := remote.Head(ref, r.options(ctx)...)
	if err != nil {
		return attest.Subject{}, explain(ctx, reference, err)
	}
	return attest.NewSubject(ref.Context().Digest(descriptor.Digest.String()), reference)
}

// manifested is an image of which the manifest was read, and nothing else.
type manifested struct {
	reference string // for messages
	content   v1.Image
	manifest  *v1.Manifest
}

// readManifest refuses what is not a container image, or is too much of one.
func (r *Registry) readManifest(reference string, descriptor *remote.Descriptor) (manifested, error) {
	if !descriptor.MediaType.IsImage() {
		return manifested{}, fmt.Errorf("opening %s: its manifest is of type %q, not a container image", reference, descriptor.MediaType)
	}
	content, err := descriptor.Image()
	if err != nil {
		return manifested{}, fmt.Errorf("opening %s: %w", reference, err)
	}
	manifest, err := content.Manifest()
	if err != nil {
		return manifested{}, fmt.Errorf("opening %s: its manifest cannot be read: %w", reference, malformed(err))
	}
	if err := r.checkSizes(manifest); err != nil {
		return manifested{}, fmt.Errorf("opening %s: %w", reference, err)
	}
	return manifested{reference: reference, content: content, manifest: manifest}, nil
}

// ready reads the config and returns the image. Its platform is the config's.
func (r *Registry) ready(subject attest.Subject, m manifested) (Image, error) {
	config, err := m.content.ConfigFile() // kept by the client
	if err != nil {
		return Image{}, fmt.Errorf("opening %s: its config cannot be read: %w", m.reference, malformed(err))
	}
	checked := checkedImage{Image: m.content, limits: r.limits, unpacked: new(atomic.Int64)}
	return Image{subject: subject, content: checked, platform: *cmp.Or(config.Platform(), &v1.Platform{})}, nil
}

// checkSizes refuses what is too much, and negative sizes: with them the
// registry client reads without end.
func (r *Registry) checkSizes(manifest *v1.Manifest) error {
	if size := manifest.Config.Size; size < 0 || size > maxConfig {
		return fmt.Errorf("its config has %d bytes, the limit is %d (8 MiB)", size, maxConfig)
	}
	if len(manifest.Layers) > r.limits.Layers {
		return fmt.Errorf("it has %d layers, the limit is %d", len(manifest.Layers), r.limits.Layers)
	}
	for _, layer := range manifest.Layers {
		if layer.Size < 0 {
			return fmt.Errorf("its layer %s has %d bytes", layer.Digest, layer.Size)
		}
	}
	return nil
}

// Moved reports whether a reference that was resolved to s now names another
// digest, and which. A reference by digest never moves.
func (r *Registry) Moved(ctx context.Context, s attest.Subject) (now string, moved bool, err error) {
	if strings.Contains(s.Requested(), "@") {
		return "", false, nil
	}
	current, err := r.Resolve(ctx, s.Requested())
	if err != nil {
		return "", false, err
	}
	return current.Digest().DigestStr(), current.Hex() != s.Hex(), nil
}

func (r *Registry) parse(reference string) (name.Reference, error) {
	ref, err := name.ParseReference(reference, r.names...)
	if err != nil {
		return nil, fault.WithHint(fault.Usagef("image reference %q is malformed: %w", reference, err),
			"write it as registry/repository:tag or registry/repository@sha256:…")
	}
	return ref, nil
}

func (r *Registry) options(ctx context.Context) []remote.Option {
	return append(slices.Clone(r.remote), remote.WithContext(ctx))
}

// malformed puts an error of reading JSON into words that are not those of Go.
func malformed(err error) error {
	var wrong *json.UnmarshalTypeError
	if cutOff(err) {
		return errors.New("it is cut short")
	}
	if errors.As(err, &wrong) {
		return fmt.Errorf("its field %s is a %s", plain.Line(wrong.Field, 80), wrong.Value)
	}
	return err
}

// someOf lists the first words, at most as many as given, and counts the rest.
func someOf(words []string, most int) string {
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}

// explain turns an error of the registry client into a sentence about the
// reference, with a hint for the usual causes.
func explain(ctx context.Context, reference string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("resolving %s: %w", reference, context.Cause(ctx))
	}
	var status *transport.Error
	if errors.As(err, &status) {
		return explainStatus(reference, status)
	}
	var plain *plainHTTPError
	if errors.As(err, &plain) {
		return fault.WithHint(fmt.Errorf("resolving %s: %w", reference, plain), "%s", fault.HintOf(err))
	}
	var network *net.OpError
	if errors.As(err, &network) {
		return fault.WithHint(fmt.Errorf("resolving %s: the registry cannot be reached: %w", reference, network),
			"check the registry's name and port, and that this job may reach it")
	}
	if cutOff(err) {
		return fmt.Errorf("resolving %s: the registry broke the connection", reference)
	}
	return fmt.Errorf("resolving %s: %w", reference, err)
}

// cutOff reports whether a connection ended before its time.
func cutOff(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

func explainStatus(reference string, status *transport.Error) error {
	switch status.StatusCode {
	case http.StatusNotFound:
		return fault.WithHint(fmt.Errorf("resolving %s: the registry has no such image", reference),
			"was it pushed, and under this very name?")
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.WithHint(fmt.Errorf("resolving %s: the registry refuses access (%d)", reference, status.StatusCode),
			"give registry-username and registry-password, or log in with docker first")
	case http.StatusTooManyRequests:
		return fault.WithHint(fmt.Errorf("resolving %s: the registry limits the rate of requests (429)", reference),
			"try again later, or log in for a higher limit")
	}
	return fmt.Errorf("resolving %s: %s", reference, answered(status))
}

// answered says what a registry answered, as far as it keeps to the form.
func answered(status *transport.Error) string {
	answer := fmt.Sprintf("%d %s", status.StatusCode, http.StatusText(status.StatusCode))
	for _, d := range status.Errors {
		answer += ": " + string(d.Code) + " " + d.Message
	}
	return "the registry answered " + plain.Line(answer, 400)
}
