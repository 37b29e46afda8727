package cli_test

import (
	"fmt"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
)

// world is what one script acts on.
type world struct {
	shared   string // the folder of materials
	sigstore *sigstoretest.Server
	gateway  *gateway
	server   *httptest.Server
	subject  name.Digest   // what was pushed last
	stalled  *misbehaviour // the fault that was set last
	running  *exec.Cmd     // what was signalled last
	served   []*httptest.Server

	remembered []attachedThing // what was attached at one time
}

type worldKey struct{}

func (w *world) close() {
	for _, server := range w.served {
		server.CloseClientConnections()
		server.Close()
	}
	w.served = nil
	if w.server == nil {
		return
	}
	w.server.CloseClientConnections()
	w.server.Close()
}

// registry [plain] serves an empty registry, with the referrers API or without,
// and sets $REGISTRY to its address.
func serve(ts *testscript.TestScript, w *world, args []string) error {
	w.close()
	w.gateway, w.server = startRegistry(!slices.Contains(args, "plain"))
	ts.Setenv("REGISTRY", host(w.server))
	return nil
}

// login USER PASSWORD makes the registry ask for them.
func login(_ *testscript.TestScript, w *world, args []string) error {
	w.gateway.mu.Lock()
	defer w.gateway.mu.Unlock()
	w.gateway.username, w.gateway.password = args[0], args[1]
	return nil
}

// push KIND REPOSITORY:TAG pushes a sample and sets $DIGEST, $LAYER to the
// digest of an image's last layer, and $ATT to the tag of its attestations.
func push(ts *testscript.TestScript, w *world, args []string) error {
	digest, layer, err := w.push(args[0], args[1])
	if err != nil {
		return err
	}
	w.subject = digest
	ts.Setenv("DIGEST", digest.DigestStr())
	ts.Setenv("LAYER", layer)
	ts.Setenv("ATT", strings.Replace(digest.DigestStr(), ":", "-", 1)+".att")
	return nil
}

// push pushes behind the gateway's back, so that its faults do not apply.
func (w *world) push(kind, to string) (digest name.Digest, layer string, err error) {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	thing, err := sample(kind)
	if err != nil {
		return digest, "", err
	}
	tag, err := name.NewTag(host(direct) + "/" + to)
	if err != nil {
		return digest, "", err
	}
	switch content := thing.(type) {
	case v1.Image:
		layer = lastLayer(content)
		err = remote.Write(tag, content)
	case v1.ImageIndex:
		err = remote.WriteIndex(tag, content)
	default:
		err = remote.Put(tag, content)
	}
	if err != nil {
		return digest, "", err
	}
	descriptor, err := remote.Get(tag)
	if err != nil {
		return digest, "", err
	}
	return tag.Digest(descriptor.Digest.String()), layer, nil
}

func lastLayer(image v1.Image) string {
	manifest, err := image.Manifest()
	if err != nil || len(manifest.Layers) == 0 {
		return ""
	}
	return manifest.Layers[len(manifest.Layers)-1].Digest.String()
}

// tags REPOSITORY TAG... compares all tags of a repository.
func tags(_ *testscript.TestScript, w *world, args []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	repository, err := name.NewRepository(host(direct) + "/" + args[0])
	if err != nil {
		return err
	}
	got, err := remote.List(repository)
	if err != nil {
		return err
	}
	want := slices.Sorted(slices.Values(args[1:]))
	if slices.Sort(got); !slices.Equal(got, want) {
		return fmt.Errorf("the repository %s has the tags %v, want %v", args[0], got, want)
	}
	return nil
}

// attached TYPE... compares the types of what is attached to the image that was
// pushed last, as the annotations have them. The manifest of attestations must
// be readable, with all its layers there.
func attached(_ *testscript.TestScript, w *world, args []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	tag, err := name.NewTag(fmt.Sprintf("%s/%s:%s.att", host(direct), w.subject.RepositoryStr(),
		strings.Replace(w.subject.DigestStr(), ":", "-", 1)))
	if err != nil {
		return err
	}
	image, err := remote.Image(tag)
	if err != nil {
		return err
	}
	manifest, err := image.Manifest()
	if err != nil {
		return err
	}
	var got []string
	for _, l := range manifest.Layers {
		layer, err := image.LayerByDigest(l.Digest)
		if err != nil {
			return err
		}
		content, err := layer.Compressed()
		if err != nil {
			return err
		}
		if err := content.Close(); err != nil {
			return err
		}
		got = append(got, l.Annotations["predicateType"])
	}
	want := slices.Sorted(slices.Values(args))
	if slices.Sort(got); !slices.Equal(got, want) {
		return fmt.Errorf("attached are %v, want %v", got, want)
	}
	return nil
}

// borrow REPOSITORY:TAG puts what is attached to another image of the same
// repository under the tag of the one that was pushed last.
func borrow(_ *testscript.TestScript, w *world, args []string) error {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	from, err := name.NewTag(host(direct) + "/" + args[0])
	if err != nil {
		return err
	}
	other, err := remote.Get(from)
	if err != nil {
		return err
	}
	att := func(digest string) name.Tag {
		return from.Context().Tag(strings.Replace(digest, ":", "-", 1) + ".att")
	}
	attestations, err := remote.Image(att(other.Digest.String()))
	if err != nil {
		return err
	}
	return remote.Write(att(w.subject.DigestStr()), attestations)
}

// fault METHOD PATH-PATTERN KIND [ARG...] makes the registry misbehave on
// matching requests: answer STATUS, drop, stall, cut, lie, or move SAMPLE TAG,
// which lets a tag name another image from the first such request on.
func fault(_ *testscript.TestScript, w *world, args []string) error {
	path, err := regexp.Compile(args[1])
	if err != nil {
		return err
	}
	m := &misbehaviour{method: args[0], path: path, reached: make(chan struct{})}
	switch args[2] {
	case "answer":
		if m.do, err = answer(args[3]); err != nil {
			return err
		}
	case "drop":
		m.do = drop
	case "stall":
		m.do = stall
	case "cut":
		m.do = w.gateway.cut
	case "lie":
		m.do = w.gateway.lie
	case "move":
		m.do = w.gateway.first(func() {
			if _, _, err := w.push(args[3], args[4]); err != nil {
				panic(err)
			}
		})
	default:
		return fmt.Errorf("no fault %q", args[2])
	}
	w.stalled = m
	w.gateway.add(m)
	return nil
}

// heal ends all faults and the need to log in. If one was set that no request
// met, the script does not test what it says.
func heal(_ *testscript.TestScript, w *world, _ []string) error {
	w.gateway.mu.Lock()
	faults := w.gateway.faults
	w.gateway.mu.Unlock()
	for _, f := range faults {
		select {
		case <-f.reached:
		default:
			return fmt.Errorf("no %s of %s was seen", f.method, f.path)
		}
	}
	w.gateway.heal()
	return nil
}
