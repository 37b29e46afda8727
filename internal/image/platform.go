package image

import (
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/hallmark-ci/hallmark/internal/fault"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// allPlatforms asks for every platform, as no platform does.
const allPlatforms = "all"

// platformName returns a platform as os/architecture/variant, harmless and of
// bounded length.
func platformName(p v1.Platform) string { return plain.Line(p.String(), 40) }

// selection is the platforms that are asked for, and which of them were met.
type selection struct {
	asked   []v1.Platform // none: all
	met     []bool        // of each that is asked for
	offered []string      // all that were looked at
	left    []string      // of them, those that are not asked for
}

// parsePlatforms reads platforms as users write them: linux/amd64,
// linux/arm/v7, windows/amd64:10.0.20348.
func parsePlatforms(platforms []string) (*selection, error) {
	if slices.Contains(platforms, allPlatforms) {
		return &selection{}, nil
	}
	s := &selection{met: make([]bool, len(platforms))}
	for _, text := range platforms {
		p, err := v1.ParsePlatform(text)
		if err != nil || p.Architecture == "" || p.String() != text || strings.Contains(text, "//") {
			return nil, fault.WithHint(fault.Usagef("platform %q is malformed", plain.Line(text, 80)),
				"write it as linux/amd64 or linux/arm/v7, or ask for %s", allPlatforms)
		}
		s.asked = append(s.asked, *p)
	}
	return s, nil
}

// everything reports whether no platform is left out.
func (s *selection) everything() bool { return len(s.asked) == 0 }

// wants reports whether a platform is asked for.
func (s *selection) wants(have v1.Platform) bool {
	return s.everything() || slices.ContainsFunc(s.asked, func(want v1.Platform) bool { return satisfies(have, want) })
}

func satisfies(have, want v1.Platform) bool {
	return normal(have).Satisfies(normal(want)) || have.Satisfies(want)
}

// takes reports whether an image for a platform is asked for. Every call counts
// as an offer.
func (s *selection) takes(have v1.Platform) bool {
	if name := platformName(have); !slices.Contains(s.offered, name) {
		s.offered = append(s.offered, name)
	}
	taken := s.everything()
	for i, want := range s.asked {
		if satisfies(have, want) {
			s.met[i], taken = true, true
		}
	}
	if name := platformName(have); !taken && !slices.Contains(s.left, name) {
		s.left = append(s.left, name)
	}
	return taken
}

// normal returns a platform with the variant that 64-bit ARM has when none is
// said: half of the indexes say it, half do not.
func normal(p v1.Platform) v1.Platform {
	if p.Architecture == "arm64" && p.Variant == "" {
		p.Variant = "v8"
	}
	return p
}

// missing returns the error for a platform that was asked for and not met. what
// is what was looked through: an image or an index.
func (s *selection) missing(pinned name.Digest, what string) error {
	i := slices.Index(s.met, false)
	if i < 0 || s.everything() {
		return nil
	}
	offered := slices.Clone(s.offered)
	for n, o := range offered {
		if o == "" {
			offered[n] = "no platform"
		}
	}
	return fault.WithHint(fault.Usagef("opening %s: platform %s is asked for, and the %s is for %s",
		pinned, platformName(s.asked[i]), what, someOf(offered, 10)), "ask for a platform that is there, or for %s", allPlatforms)
}
