package e2e_test

import (
	"strings"

	"github.com/hallmark-ci/hallmark/e2e/internal/world"
)

// hiddenInAnIndex is an index with an image that says it is none. Whoever scans the index
// without it attests that it is clean, and a runtime may run it: so Hallmark examines it,
// and its scan is one that every reader refuses.
func hiddenInAnIndex() forgery {
	return forgery{
		name: "the scan of an index, of which a vulnerable image says that its config is `application/octet-stream`", form: "att", scans: true,
		image: func(f forging) string {
			pinned, err := world.PushHidden(f.t.Context(), f.host+"/bare/"+f.unique()+":v1", amd64, arm64, "application/octet-stream")
			if err != nil {
				f.t.Fatal(err)
			}
			return pinned.String()
		},
		attach: func(f forging, form, image string) {
			database, err := world.MakeDatabase(f.t.Context(), f.t.TempDir())
			if err != nil {
				f.t.Fatal(err)
			}
			got := f.run("hallmark", "run", image, "--key", "cosign.key", "--push=false", "--severity-cutoff", "critical",
				"--vuln-db", database, "--vuln-db-max-age", anyAge, "--output-dir", "hidden")
			if got.code != 3 {
				f.t.Fatalf("hallmark run: exit %d\n%s%s", got.code, got.stdout, got.stderr)
			}
			scan := strings.TrimSpace(string(f.read("hidden/scan.json")))
			f.attach(form, image, f.encode(form, f.sign(f.signer, world.PayloadType, statement(image, typeVuln, scan))))
		},
	}
}
