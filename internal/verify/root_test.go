package verify_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/sigstoretest"
	"github.com/hallmark-ci/hallmark/internal/verify"
)

func TestLoadRootRefusesWhatIsNone(t *testing.T) {
	whole, err := os.ReadFile(sigstoretest.New(t).TrustedRoot(sigstoretest.Root{}))
	must(t, err)
	tests := []struct{ name, content, says, hints string }{
		{"an empty file", "", "syntax error", "cosign trusted-root create"},
		{"text", "root", "syntax error", "cosign trusted-root create"},
		{"another document", `{"_type":"root"}`, "unknown field", "cosign trusted-root create"},
		{"a version to come", strings.Replace(string(whole), "0.1", "9.9", 1), "unsupported TrustedRoot media type", "cosign trusted-root create"},
		{"a log without a key", strings.Replace(string(whole), `"publicKey"`, `"unknownKey"`, 1), "unknown field", "cosign trusted-root create"},
		{"a hostile field", `{"\u001b[31m` + strings.Repeat("x", 1<<20) + `":1}`, "unknown field", ""},
		{"too large a file", strings.Repeat(" ", 4<<20+1), "it has 4194305 bytes, the limit is 4194304 (4 MiB)", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "root.json")
			must(t, os.WriteFile(path, []byte(test.content), 0o600))
			_, err := verify.LoadRoot(path)
			if err == nil || !strings.Contains(err.Error(), "loading the trusted root "+path+": ") || !strings.Contains(err.Error(), test.says) {
				t.Fatalf("error %v, want one that says %q", err, test.says)
			}
			if len(err.Error()) > 500 || strings.ContainsAny(err.Error(), "\n\x1b") || !strings.Contains(fault.HintOf(err), test.hints) {
				t.Errorf("error %q, hint %q", err, fault.HintOf(err))
			}
		})
	}
	for _, path := range []string{filepath.Join(t.TempDir(), "none.json"), t.TempDir()} {
		if _, err := verify.LoadRoot(path); err == nil || strings.Count(err.Error(), path) != 1 {
			t.Errorf("error %v about %s", err, path)
		}
	}
}

func TestHasLog(t *testing.T) {
	d := sigstoretest.New(t)
	if (verify.Root{}).HasLog() || trustedRoot(t, d, sigstoretest.Root{NoLog: true}).HasLog() || !trustedRoot(t, d, sigstoretest.Root{}).HasLog() {
		t.Error("the root says otherwise")
	}
}
