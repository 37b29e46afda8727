package catalog

import (
	"context"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/artifact"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cataloging/pkgcataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/pkg/cataloger/dotnet"
	"github.com/anchore/syft/syft/pkg/cataloger/java"

	"github.com/hallmark-ci/hallmark/internal/filetree"
)

// Two of syft's catalogers read every program of an image whole, for something that
// hardly any has. They are shown the programs in which the bytes passed by without
// which they find nothing, and no others: a fifth of all that was allocated for a
// large image was theirs.
const (
	// bundleMark is in every program that is a .NET bundle: a part of the digest that
	// marks it.
	bundleMark = "\xd7\xa0\x32\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae"
	// nativeMark is in the name of a symbol of every native image of GraalVM.
	nativeMark = "svm_version_info"
)

// marks are what programs are looked through for.
func marks() []string { return []string{bundleMark, nativeMark} }

// narrowing puts such catalogers in the place of syft's.
func narrowing(config *syft.CreateSBOMConfig) *syft.CreateSBOMConfig {
	request := cataloging.NewSelectionRequest()
	for _, n := range []narrow{
		{dotnet.NewDotnetDepsBinaryCataloger(config.Packages.Dotnet), bundleMark, mayBeBundle},
		{java.NewNativeImageCataloger(), nativeMark, nil},
	} {
		request = request.WithRemovals(n.Name())
		config = config.WithCatalogers(pkgcataloging.NewAlwaysEnabledCatalogerReference(n)) // a removal would be of this one, too
	}
	return config.WithCatalogerSelection(request)
}

// narrow is a cataloger that needs a mark in the programs that it asks for by type.
type narrow struct {
	pkg.Cataloger
	mark string
	may  func(program filetree.Content) bool // look closer at one with the mark; nil: the mark is enough
}

// Catalog implements pkg.Cataloger.
func (n narrow) Catalog(ctx context.Context, all file.Resolver) ([]pkg.Package, []artifact.Relationship, error) {
	if r, ok := all.(resolver); ok {
		all = marked{r, n}
	}
	return n.Cataloger.Catalog(ctx, all)
}

// marked has only the programs with a mark, where they are asked for by type.
type marked struct {
	resolver
	by narrow
}

// FilesByMIMEType implements file.Resolver.
func (m marked) FilesByMIMEType(types ...string) ([]file.Location, error) {
	files, err := m.tree.ByType(types...)
	if err != nil {
		return nil, err
	}
	found := collection{tree: m.tree}
	for _, f := range files {
		if m.tree.Marked(f, m.by.mark) && m.mayMatter(f) {
			found.add(f.Path(), f)
		}
	}
	return found.locations, nil
}

// mayMatter looks closer at a program with the mark. One that cannot be opened is the
// cataloger's to tell of.
func (m marked) mayMatter(f *filetree.File) bool {
	if m.by.may == nil {
		return true
	}
	content, err := m.tree.Open(f)
	if err != nil {
		return true
	}
	defer content.Close() //nolint:errcheck // nothing was written
	return m.by.may(content)
}
