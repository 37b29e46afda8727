package identity

import (
	"encoding/json"
	"regexp"
)

// anchoreImage is an image as syft and grype describe it.
type anchoreImage struct {
	UserInput, ImageID, ManifestDigest, RepoDigests texts
	Layers                                          []struct{ Digest texts }
}

// anchore reads syft's JSON, which has the image in source.metadata, and grype's, which has it in source.target.
// Earlier syft had it there, too. The target of a scan that is not of an image is a text.
func anchore(document []byte) Claims {
	var d struct {
		Source struct {
			Version          texts
			Metadata, Target json.RawMessage
		}
	}
	_ = json.Unmarshal(document, &d)
	var c Claims
	c.references("source.version", d.Source.Version)
	for _, at := range []struct {
		field   string
		content json.RawMessage
	}{{"source.metadata.", d.Source.Metadata}, {"source.target.", d.Source.Target}} {
		var img anchoreImage
		_ = json.Unmarshal(at.content, &img)
		field := at.field
		c.digests(Config, field+"imageID", img.ImageID)
		c.digests(Manifest, field+"manifestDigest", img.ManifestDigest)
		c.digests(Reference, field+"repoDigests", img.RepoDigests)
		c.references(field+"userInput", img.UserInput)
		for _, layer := range img.Layers {
			c.digests(Layer, field+"layers", layer.Digest)
		}
	}
	return c
}

// trivy reads trivy's JSON.
func trivy(document []byte) Claims {
	var d struct {
		ArtifactName texts
		Metadata     struct {
			ImageID, RepoDigests, DiffIDs texts
			Layers                        []struct{ DiffID texts }
			ImageConfig                   struct {
				RootFS struct {
					DiffIDs texts `json:"diff_ids"`
				} `json:"rootfs"`
			}
		}
	}
	_ = json.Unmarshal(document, &d)
	var c Claims
	c.digests(Config, "Metadata.ImageID", d.Metadata.ImageID)
	c.digests(Reference, "Metadata.RepoDigests", d.Metadata.RepoDigests)
	c.references("ArtifactName", d.ArtifactName)
	c.digests(Layer, "Metadata.DiffIDs", d.Metadata.DiffIDs)
	c.digests(Layer, "Metadata.ImageConfig.rootfs.diff_ids", d.Metadata.ImageConfig.RootFS.DiffIDs)
	for _, layer := range d.Metadata.Layers {
		c.digests(Layer, "Metadata.Layers", layer.DiffID)
	}
	return c
}

// sarif reads one run of SARIF: trivy has the image in the run's properties, and grype writes where a package was
// found as image@layer:/path.
func sarif(run []byte) Claims {
	var r struct {
		Properties struct{ ImageName, ImageID, RepoDigests texts }
		Results    []struct {
			Locations []struct {
				LogicalLocations []struct{ FullyQualifiedName string }
			}
		}
	}
	_ = json.Unmarshal(run, &r)
	var c Claims
	c.digests(Config, "properties.imageID", r.Properties.ImageID)
	c.digests(Reference, "properties.repoDigests", r.Properties.RepoDigests)
	c.references("properties.imageName", r.Properties.ImageName)
	place := regexp.MustCompile(`^(.*)@(sha256:[0-9a-fA-F]{64}):/`)
	for _, result := range r.Results {
		for _, location := range result.Locations {
			for _, logical := range location.LogicalLocations {
				if parts := place.FindStringSubmatch(logical.FullyQualifiedName); parts != nil {
					c.references("fullyQualifiedName", texts{parts[1]})
					c.digests(Layer, "fullyQualifiedName", texts{parts[2]})
				}
			}
		}
	}
	return c
}
