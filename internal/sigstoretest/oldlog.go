package sigstoretest

import (
	"bytes"
	"context"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/cyberphone/json-canonicalization/go/src/webpki.org/jsoncanonicalizer"
	"github.com/go-openapi/runtime"
	"github.com/sigstore/rekor/pkg/generated/models"
	"github.com/sigstore/rekor/pkg/types"
	_ "github.com/sigstore/rekor/pkg/types/dsse/v0.0.1"         // entries of envelopes
	_ "github.com/sigstore/rekor/pkg/types/hashedrekord/v0.0.1" // entries of other signatures
	"github.com/sigstore/rekor/pkg/util"
	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/transparency-dev/merkle/rfc6962"
)

// OldLogPath is where Rekor v1 takes entries
// (https://github.com/sigstore/rekor/blob/main/openapi.yaml).
const OldLogPath = "/api/v1/log/entries"

// oldTree is the number of the tree, with which the names of entries begin.
const oldTree = 0x24296fb24b8ad77a

// recordOld is Rekor v1.
func (s *Server) recordOld(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.deployment.must(err)
	name, entry, err := s.deployment.addOld(r.Context(), body)
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		s.answer(w, http.StatusBadRequest, map[string]any{"code": http.StatusBadRequest, "message": err.Error()})
		return
	}
	w.Header().Set("ETag", name)
	s.answer(w, http.StatusCreated, map[string]any{name: entry})
}

// addOld checks a proposed entry with Rekor's own code and logs it, each as the
// first entry of a tree of its own. The promise is over the entry in canonical JSON.
func (d *Deployment) addOld(ctx context.Context, body []byte) (name string, entry map[string]any, err error) {
	proposed, err := models.UnmarshalProposedEntry(bytes.NewReader(body), runtime.JSONConsumer())
	if err != nil {
		return "", nil, err
	}
	checked, err := types.CreateVersionedEntry(proposed)
	if err != nil {
		return "", nil, err
	}
	canonical, err := types.CanonicalizeEntry(ctx, checked)
	if err != nil {
		return "", nil, err
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(canonical)
	key, err := signature.LoadECDSASignerVerifier(d.logKey, crypto.SHA256)
	if err != nil {
		return "", nil, err
	}
	checkpoint, err := util.CreateAndSignCheckpoint(ctx, logName, oldTree, 1, leaf, key)
	if err != nil {
		return "", nil, err
	}
	entry = map[string]any{
		"body": base64.StdEncoding.EncodeToString(canonical), "integratedTime": time.Now().Unix(),
		"logIndex": 0, "logID": hex.EncodeToString(d.logID(d.logKey)),
	}
	promise, err := promise(entry, key)
	if err != nil {
		return "", nil, err
	}
	entry["verification"] = map[string]any{
		"signedEntryTimestamp": promise,
		"inclusionProof": map[string]any{
			"checkpoint": string(checkpoint), "hashes": []string{}, "logIndex": 0, "rootHash": hex.EncodeToString(leaf), "treeSize": 1,
		},
	}
	return fmt.Sprintf("%016x%x", oldTree, leaf), entry, nil
}

// promise is the log's signature of an entry, which is there before any proof.
func promise(entry map[string]any, key signature.Signer) ([]byte, error) {
	encoded, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	canonical, err := jsoncanonicalizer.Transform(encoded)
	if err != nil {
		return nil, err
	}
	return key.SignMessage(bytes.NewReader(canonical))
}
