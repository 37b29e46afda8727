package sign_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sign"
)

const vaultToken = "hvs.s3cr3t"

// vault is the transit engine of Vault, with a real key inside
// (https://developer.hashicorp.com/vault/api-docs/secret/transit).
func vault(t *testing.T, key crypto.Signer, before http.HandlerFunc) {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	engine := http.NewServeMux()
	engine.HandleFunc("GET /v1/transit/keys/release", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, 200, map[string]any{"data": map[string]any{
			"type": "ecdsa", "latest_version": 2,
			"keys": map[string]any{"1": map[string]any{"public_key": "old"}, "2": map[string]any{"public_key": toPEM("PUBLIC KEY", der)}},
		}})
	})
	hashes := map[string]crypto.Hash{"": crypto.SHA256, "sha2-256": crypto.SHA256, "sha2-384": crypto.SHA384}
	engine.HandleFunc("PUT /v1/transit/sign/release/{hash}", func(w http.ResponseWriter, r *http.Request) {
		var request struct {
			Input     []byte
			Prehashed bool
		}
		hash, known := hashes[r.PathValue("hash")]
		if err := json.NewDecoder(r.Body).Decode(&request); err != nil || !request.Prehashed || !known || len(request.Input) != hash.Size() {
			reply(w, 400, map[string]any{"errors": []string{"invalid request"}})
			return
		}
		signed, err := key.Sign(rand.Reader, request.Input, hash)
		must(t, err)
		reply(w, 200, map[string]any{"data": map[string]any{"signature": "vault:v2:" + base64.StdEncoding.EncodeToString(signed)}})
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &watcher{ResponseWriter: w}
		if before != nil {
			before(watched, r)
		}
		switch {
		case watched.answered:
		case r.Header.Get("X-Vault-Token") != vaultToken:
			reply(w, 403, map[string]any{"errors": []string{"permission denied"}})
		default:
			engine.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(server.Close)
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", vaultToken)
}

// watcher knows whether somebody answered.
type watcher struct {
	http.ResponseWriter
	answered bool
}

func (w *watcher) WriteHeader(status int) {
	w.answered = true
	w.ResponseWriter.WriteHeader(status)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// Whatever kind of key is in Vault, it signs by the hash with which readers verify.
func TestVaultSigns(t *testing.T) {
	for name, key := range kindsOfKeys(t) {
		if name == "Ed25519" { // signs only whole messages there, and readers expect hashes
			continue
		}
		t.Run(name, func(t *testing.T) {
			vault(t, key, nil)
			loaded, err := sign.LoadKey(t.Context(), "hashivault://release", environment(nil, nil))
			must(t, err)
			checkSigns(t, loaded)
		})
	}
}

func TestVaultDoesNotSign(t *testing.T) {
	key := kindsOfKeys(t)["ECDSA P-256"]
	refuse := func(part string, status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, part) {
				w.WriteHeader(status)
				_, _ = w.Write([]byte(body))
			}
		}
	}
	loading := []struct {
		name, reference string
		before          http.HandlerFunc
		token           string
		says            string
	}{
		{"no right", "hashivault://release", nil, "hvs.other", "permission denied"},
		{"no such key", "hashivault://none", nil, vaultToken, "loading the key hashivault://none: "},
		{"no key named", "hashivault://", nil, vaultToken, "hashivault://<key>"},
		{"out of order", "hashivault://release", refuse("keys", 500, `{"errors":["sealed"]}`), vaultToken, "sealed"},
		{"text", "hashivault://release", refuse("keys", 200, "hello"), vaultToken, "invalid character"},
		{"no answer", "hashivault://release", refuse("keys", 204, ""), vaultToken, "could not read data"},
		{"no keys", "hashivault://release", refuse("keys", 200, `{"data":{}}`), vaultToken, "corrupted response"},
		{"a key that is none", "hashivault://release", refuse("keys", 200, `{"data":{"latest_version":1,"keys":{"1":{"public_key":"x"}}}}`), vaultToken, "PEM"},
	}
	for _, test := range loading {
		t.Run("loading: "+test.name, func(t *testing.T) {
			vault(t, key, test.before)
			t.Setenv("VAULT_TOKEN", test.token)
			_, err := sign.LoadKey(t.Context(), test.reference, environment(nil, nil))
			refused(t, err, "loading the key "+test.reference, test.says)
			secretive(t, err, test.token)
			if fault.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
	other := kindsOfKeys(t)["ECDSA P-256"]
	signing := []struct {
		name   string
		before http.HandlerFunc
		says   string
	}{
		{"no right to sign", refuse("sign", 403, `{"errors":["1 error occurred:\n\t* permission denied\n\n"]}`), "permission denied"},
		{"text", refuse("sign", 200, "hello"), "invalid character"},
		{"no signature", refuse("sign", 200, `{"data":{}}`), "corrupted in-transit"},
		{"no answer", refuse("sign", 204, ""), "its answer is not understood"}, // its client does not survive it
		{"the signature of another key", func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "sign") {
				signed, err := other.Sign(rand.Reader, make([]byte, 32), crypto.SHA256)
				must(t, err)
				w.WriteHeader(200)
				_ = json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"signature": "vault:v2:" + base64.StdEncoding.EncodeToString(signed)}})
			}
		}, "what the service returned does not fit the public key"},
	}
	for _, test := range signing {
		t.Run("signing: "+test.name, func(t *testing.T) {
			vault(t, key, test.before)
			loaded, err := sign.LoadKey(t.Context(), "hashivault://release", environment(nil, nil))
			must(t, err)
			_, err = loaded.Sign(t.Context(), statement(t))
			refused(t, err, "signing the statement of type https://example.com/review/v1: asking for a signature by hashivault://release: ", test.says)
			secretive(t, err, vaultToken)
			if fault.HintOf(err) == "" {
				t.Error("no hint")
			}
		})
	}
}

func TestVaultIsBackAfterAWhile(t *testing.T) {
	failed := map[string]bool{}
	vault(t, kindsOfKeys(t)["ECDSA P-256"], func(w http.ResponseWriter, r *http.Request) {
		if !failed[r.URL.Path] {
			failed[r.URL.Path] = true
			reply(w, 503, map[string]any{"errors": []string{"Vault is in standby"}})
		}
	})
	key, err := sign.LoadKey(t.Context(), "hashivault://release", environment(nil, nil))
	must(t, err)
	checkSigns(t, key)
}

// Vault's client knows nothing of the job's end; the job ends all the same.
func TestVaultStalls(t *testing.T) {
	asked := make(chan struct{}, 1)
	end := make(chan struct{})
	vault(t, kindsOfKeys(t)["ECDSA P-256"], func(http.ResponseWriter, *http.Request) {
		asked <- struct{}{}
		<-end
	})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-asked
		cancel(errors.New("the job was stopped"))
	}()
	_, err := sign.LoadKey(ctx, "hashivault://release", environment(nil, nil))
	close(end)
	refused(t, err, "loading the key hashivault://release: the job was stopped")
}

// aws is the Key Management Service of AWS, with a real key inside
// (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html). It returns
// the reference of the key.
func aws(t *testing.T, key crypto.Signer, algorithms []string, before func(w http.ResponseWriter, target string)) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	must(t, err)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &watcher{ResponseWriter: w}
		target := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
		if before != nil {
			before(watched, target)
		}
		var request struct {
			KeyID       string `json:"KeyId"`
			Message     []byte
			MessageType string
		}
		body, err := io.ReadAll(r.Body)
		must(t, err)
		must(t, json.Unmarshal(body, &request))
		switch {
		case watched.answered:
		case !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"):
			reply(w, 400, map[string]any{"__type": "UnrecognizedClientException", "message": "The security token included in the request is invalid."})
		case request.KeyID != "alias/release":
			reply(w, 400, map[string]any{"__type": "NotFoundException", "message": "Alias is not found."})
		case target == "GetPublicKey":
			reply(w, 200, map[string]any{"KeyId": request.KeyID, "PublicKey": der, "SigningAlgorithms": algorithms})
		case target == "DescribeKey":
			reply(w, 200, map[string]any{"KeyMetadata": map[string]any{"KeyId": request.KeyID, "SigningAlgorithms": algorithms}})
		case target == "Sign" && request.MessageType == "DIGEST":
			signed, err := key.Sign(rand.Reader, request.Message, optionsOf(algorithms[0]))
			must(t, err)
			reply(w, 200, map[string]any{"KeyId": request.KeyID, "Signature": signed})
		default:
			reply(w, 400, map[string]any{"__type": "UnknownOperationException"})
		}
	}))
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	must(t, os.WriteFile(bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	for name, value := range map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "s3cr3t", "AWS_CA_BUNDLE": bundle,
		"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(name, value)
	}
	return "awskms://" + strings.TrimPrefix(server.URL, "https://") + "/alias/release"
}

func optionsOf(algorithm string) crypto.SignerOpts {
	hashes := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}
	hash := hashes[algorithm[len(algorithm)-3:]]
	if strings.Contains(algorithm, "PSS") {
		return &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	return hash
}

func TestAWSSigns(t *testing.T) {
	keys := kindsOfKeys(t)
	for kind, algorithm := range map[string]string{
		"ECDSA P-256": "ECDSA_SHA_256", "ECDSA P-384": "ECDSA_SHA_384", "RSA 2048": "RSASSA_PKCS1_V1_5_SHA_256",
	} {
		t.Run(kind, func(t *testing.T) {
			key, err := sign.LoadKey(t.Context(), aws(t, keys[kind], []string{algorithm}, nil), environment(nil, nil))
			must(t, err)
			checkSigns(t, key)
		})
	}
}

func TestAWSDoesNotSign(t *testing.T) {
	keys := kindsOfKeys(t)
	key := keys["ECDSA P-256"]
	refuse := func(target string, status int, body map[string]any) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, asked string) {
			if asked == target {
				reply(w, status, body)
			}
		}
	}
	denied := map[string]any{"__type": "AccessDeniedException", "message": "User is not authorized to perform this.\nAsk."}
	t.Run("loading", func(t *testing.T) {
		for name, test := range map[string]struct {
			before func(http.ResponseWriter, string)
			says   string
		}{
			"no right to the public key": {refuse("GetPublicKey", 400, denied), "AccessDeniedException: User is not authorized to perform this. Ask."},
			"no right to describe":       {refuse("DescribeKey", 400, denied), "AccessDeniedException"},
			"out of order":               {refuse("GetPublicKey", 500, map[string]any{"__type": "KMSInternalException"}), "StatusCode: 500"},
			"a key that is none":         {refuse("GetPublicKey", 200, map[string]any{"PublicKey": []byte("x")}), "asn1"},
		} {
			t.Run(name, func(t *testing.T) {
				reference := aws(t, key, []string{"ECDSA_SHA_256"}, test.before)
				_, err := sign.LoadKey(t.Context(), reference, environment(nil, nil))
				refused(t, err, "loading the key "+reference, test.says)
				secretive(t, err, "s3cr3t")
			})
		}
		reference := strings.Replace(aws(t, key, []string{"ECDSA_SHA_256"}, nil), "release", "none", 1)
		_, err := sign.LoadKey(t.Context(), reference, environment(nil, nil))
		refused(t, err, "NotFoundException: Alias is not found.")
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDOTHER")
		_, err = sign.LoadKey(t.Context(), reference, environment(nil, nil))
		refused(t, err, "UnrecognizedClientException")
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "")
		_, err = sign.LoadKey(t.Context(), reference, environment(nil, nil))
		refused(t, err, "credentials")
	})
	t.Run("signing", func(t *testing.T) {
		for name, test := range map[string]struct {
			key        crypto.Signer
			algorithms []string
			before     func(http.ResponseWriter, string)
			says       string
		}{
			"no right to sign":         {key, []string{"ECDSA_SHA_256"}, refuse("Sign", 400, denied), "AccessDeniedException"},
			"an algorithm of its own":  {keys["RSA 2048"], []string{"RSASSA_PSS_SHA_256"}, nil, "does not fit the public key"},
			"a key to encrypt with":    {keys["RSA 2048"], nil, nil, "its answer is not understood: runtime error: index out of range"},
			"a signature that is none": {key, []string{"ECDSA_SHA_256"}, refuse("Sign", 200, map[string]any{"Signature": []byte("x")}), "does not fit the public key"},
		} {
			t.Run(name, func(t *testing.T) {
				loaded, err := sign.LoadKey(t.Context(), aws(t, test.key, test.algorithms, test.before), environment(nil, nil))
				must(t, err)
				_, err = loaded.Sign(t.Context(), statement(t))
				refused(t, err, "asking for a signature by awskms://", test.says)
				secretive(t, err, "s3cr3t")
			})
		}
	})
}

// The services of Google and Azure take no other address, so that only this can be
// tried of them here: a reference that is none, and no way to log in.
func TestAKeyOfAServiceThatCannotBeReached(t *testing.T) {
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	for reference, says := range map[string]string{
		"gcpkms://key": "gcpkms://projects/[PROJECT_ID]",
		"gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k": "none.json",
		"azurekms://vault": "azurekms://[VAULT_NAME]",
		"awskms://key":     "awskms://[ENDPOINT]",
	} {
		_, err := sign.LoadKey(t.Context(), reference, environment(nil, nil))
		refused(t, err, "loading the key "+reference, says)
		secretive(t, err)
	}
}

func TestAKeyThatReadersDoNotVerify(t *testing.T) {
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	must(t, err)
	vault(t, p224, nil)
	_, err = sign.LoadKey(t.Context(), "hashivault://release", environment(nil, nil))
	refused(t, err, "loading the key hashivault://release")
}
