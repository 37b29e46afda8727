package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// buildInfo is what hallmark version prints.
type buildInfo struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Syft     string `json:"syft"`
	Grype    string `json:"grype"`
	OPA      string `json:"opa"`
}

func (a *app) version() *cobra.Command {
	return a.command(cmdVersion, "", "Print the version, and those of the parts that decide what is found",
		func(_ context.Context, v values, _ []string) error { return a.versionJob(v) })
}

func (a *app) versionJob(v values) error {
	format, err := v.oneOf("output", "table", "json")
	if err != nil {
		return err
	}
	info := readBuildInfo()
	if format == "json" {
		return json.NewEncoder(a.stdio.Out).Encode(info)
	}
	_, err = fmt.Fprintf(a.stdio.Out, "hallmark %s\ncommit   %s\ngo       %s\nplatform %s\nsyft     %s\ngrype    %s\nopa      %s\n",
		info.Version, info.Commit, info.Go, info.Platform, info.Syft, info.Grype, info.OPA)
	return err
}

// buildVersion returns the version that the Go toolchain stamped.
func buildVersion() string { return readBuildInfo().Version }

// makers returns the versions of what makes an SBOM.
func makers() string {
	info := readBuildInfo()
	return "hallmark " + info.Version + " syft " + info.Syft
}

func readBuildInfo() buildInfo {
	info := buildInfo{
		Version: "unknown", Commit: "unknown",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Syft: "unknown", Grype: "unknown", OPA: "unknown",
	}
	build, ok := debug.ReadBuildInfo()
	if !ok {
		return info
	}
	if build.Main.Version != "" {
		info.Version = build.Main.Version
	}
	for _, s := range build.Settings {
		if s.Key == "vcs.revision" {
			info.Commit = s.Value
		}
	}
	for _, d := range build.Deps {
		switch d.Path {
		case "github.com/anchore/syft":
			info.Syft = d.Version
		case "github.com/anchore/grype":
			info.Grype = d.Version
		case "github.com/open-policy-agent/opa":
			info.OPA = d.Version
		}
	}
	return info
}
