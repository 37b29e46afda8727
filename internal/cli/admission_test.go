package cli_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/sigstore/cosign/v2/pkg/cosign/rego"
	"go.yaml.in/yaml/v3"
)

// compiledPolicy is what the cluster reads of a ClusterImagePolicy.
type compiledPolicy struct {
	Metadata struct{ Name string }
	Spec     struct {
		Authorities []struct {
			Attestations []struct {
				PredicateType string `yaml:"predicateType"`
				Policy        struct{ Data string }
			}
		}
	}
}

// admits FILE asks Policy Controller's own evaluator whether compiled policies let in the image
// that was pushed last. Signatures are not looked at: the end-to-end tests do that.
func admits(ts *testscript.TestScript, w *world, args []string) error {
	_, err := w.admitted(ts.ReadFile(args[0]))
	return err
}

// refuses FILE WORDS is its reverse: WORDS are in what the cluster says.
func refuses(ts *testscript.TestScript, w *world, args []string) error {
	said, err := w.admitted(ts.ReadFile(args[0]))
	switch {
	case err == nil:
		return errors.New("the cluster admits the image")
	case !strings.Contains(said, args[1]):
		return fmt.Errorf("the cluster says %q, want %q", said, args[1])
	}
	return nil
}

// admitted asks each policy, which any attestation of a type of any authority satisfies.
func (w *world) admitted(policies string) (said string, err error) {
	payloads, err := w.payloads()
	if err != nil {
		return "", err
	}
	decoder := yaml.NewDecoder(strings.NewReader(policies))
	for {
		var policy compiledPolicy
		if err := decoder.Decode(&policy); errors.Is(err, io.EOF) {
			return said, nil
		} else if err != nil {
			return "", err
		}
		passed := false
		for _, authority := range policy.Spec.Authorities {
			for _, asked := range authority.Attestations {
				for _, payload := range payloads[asked.PredicateType] {
					warning, err := rego.ValidateJSONWithModuleInput(payload, asked.Policy.Data)
					if err = errors.Join(warning, err); err == nil {
						passed = true
					} else {
						said += err.Error() + "\n"
					}
				}
			}
		}
		if !passed {
			return said, fmt.Errorf("the policy %s refuses the image: %s", policy.Metadata.Name, said)
		}
	}
}

// payloads returns the statements under cosign's tag, by their types.
func (w *world) payloads() (map[string][][]byte, error) {
	direct := httptest.NewServer(w.gateway.registry)
	defer direct.Close()
	tag, err := name.NewTag(fmt.Sprintf("%s/%s:%s.att", host(direct), w.subject.RepositoryStr(),
		strings.Replace(w.subject.DigestStr(), ":", "-", 1)))
	if err != nil {
		return nil, err
	}
	image, err := remote.Image(tag)
	if err != nil {
		return nil, err
	}
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	all := map[string][][]byte{}
	for _, layer := range layers {
		content, err := layer.Compressed()
		if err != nil {
			return nil, err
		}
		var envelope struct{ Payload string }
		if err := json.NewDecoder(content).Decode(&envelope); err != nil {
			return nil, errors.Join(err, content.Close())
		}
		payload, err := base64.StdEncoding.DecodeString(envelope.Payload)
		if err != nil {
			return nil, errors.Join(err, content.Close())
		}
		var statement struct {
			PredicateType string `json:"predicateType"`
		}
		if err := json.NewDecoder(bytes.NewReader(payload)).Decode(&statement); err != nil {
			return nil, errors.Join(err, content.Close())
		}
		all[statement.PredicateType] = append(all[statement.PredicateType], payload)
		if err := content.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}
