package vex

import (
	"encoding/json"
	"strings"
)

// productTree is what each product of an advisory is, by its id.
type productTree map[string][]target

// csafProduct is a product with what identifies it. CSAF 2.0 has one package URL, 2.1 several.
type csafProduct struct {
	ID     string `json:"product_id"`
	Helper struct {
		PURL   string
		PURLs  []string
		CPE    string
		Hashes []struct {
			FileHashes []struct{ Algorithm, Value string } `json:"file_hashes"`
		}
	} `json:"product_identification_helper"`
}

type csafBranch struct {
	Product  csafProduct
	Branches []csafBranch
}

type csafTree struct {
	Names         []csafProduct `json:"full_product_names"`
	Branches      []csafBranch
	Relationships []struct {
		Category string
		Product  csafProduct `json:"full_product_name"`
		Part     string      `json:"product_reference"`
		Whole    string      `json:"relates_to_product_reference"`
	}
}

// readProducts reads the product tree: products, branches of them, and products that are made of two others, one as
// part of the other (section 3.2.2.4).
func readProducts(content []byte) (productTree, error) {
	var form struct {
		Tree csafTree `json:"product_tree"`
	}
	if err := json.Unmarshal(content, &form); err != nil {
		return nil, err
	}
	things := map[string]thing{}
	for _, p := range form.Tree.Names {
		things[p.ID] = p.thing()
	}
	collect(form.Tree.Branches, things)
	tree := productTree{}
	for id, one := range things {
		tree[id] = []target{{product: one}}
	}
	for _, r := range form.Tree.Relationships {
		if r.Product.ID == "" {
			continue
		}
		// its own package URL, if it has one, and as the part that it is of the whole
		if own := r.Product.thing(); len(own.purls) > 0 {
			tree[r.Product.ID] = append(tree[r.Product.ID], target{product: own})
		}
		tree[r.Product.ID] = append(tree[r.Product.ID], target{product: things[r.Whole], parts: []thing{things[r.Part]}})
	}
	return tree, nil
}

func collect(branches []csafBranch, things map[string]thing) {
	for _, b := range branches {
		if b.Product.ID != "" {
			things[b.Product.ID] = b.Product.thing()
		}
		collect(b.Branches, things)
	}
}

func (p csafProduct) thing() thing {
	var t thing
	for _, text := range append([]string{p.Helper.PURL}, p.Helper.PURLs...) {
		t.add(text)
	}
	for _, hashes := range p.Helper.Hashes {
		for _, hash := range hashes.FileHashes {
			t.add(strings.ToLower(hash.Value))
		}
	}
	if len(t.purls)+len(t.names) == 0 {
		t.system = systemOf(p.Helper.CPE)
	}
	return t
}

// systemOf returns the operating system that a CPE names, in either of its forms, nil for none.
func systemOf(cpe string) *platform {
	cpe = strings.ToLower(cpe)
	var parts []string
	if rest, ok := strings.CutPrefix(cpe, "cpe:2.3:"); ok {
		parts = strings.Split(rest, ":")
	} else if rest, ok := strings.CutPrefix(cpe, "cpe:/"); ok {
		parts = strings.Split(rest, ":")
	}
	if len(parts) < 3 {
		return nil
	}
	known := map[string]string{ // of a vendor and its product, as the distributions call themselves
		"redhat:enterprise_linux": "rhel", "rocky:rocky": "rocky", "almalinux:almalinux": "almalinux", "oracle:linux": "ol",
		"debian:debian_linux": "debian", "canonical:ubuntu_linux": "ubuntu", "alpinelinux:alpine_linux": "alpine",
		"suse:sles": "sles", "opensuse:leap": "opensuse-leap",
	}
	name, ok := known[parts[1]+":"+parts[2]]
	if !ok {
		return &platform{} // one that cannot be compared
	}
	system := platform{name: name}
	if len(parts) > 3 && strings.Trim(parts[3], "0123456789.") == "" {
		system.version = parts[3]
	}
	return &system
}
