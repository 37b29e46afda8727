package policy

import (
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
)

// builtins are built-in functions of OPA that somebody looked at, and what came of
// it.
type builtins struct {
	why   string
	names []string
}

// allowedBuiltins returns the built-in functions that policies may call. Each gives
// the same answer for the same arguments and evidence, and reads nothing else.
//
// It is a list of what is allowed, since OPA adds functions with every version, and
// one of them may read a file. A test fails while a function of OPA's is neither
// here nor among refusedBuiltins.
func allowedBuiltins() []builtins {
	return []builtins{
		{"compare and calculate", []string{
			"abs", "assign", "bits.and", "bits.lsh", "bits.negate", "bits.or", "bits.rsh", "bits.xor", "ceil", "div", "eq", "equal",
			"floor", "gt", "gte", "lt", "lte", "minus", "mul", "neq", "numbers.range", "numbers.range_step", "plus", "rem", "round",
			"to_number", "units.parse", "units.parse_bytes",
		}},
		{"rearrange values", []string{
			"all", "and", "any", "array.concat", "array.flatten", "array.reverse", "array.slice", "count", "graph.reachable",
			"graph.reachable_paths", "intersection", "json.filter", "json.patch", "json.remove", "max", "min", "object.filter",
			"object.get", "object.keys", "object.remove", "object.subset", "object.union", "object.union_n", "or", "product",
			"set_diff", "sort", "sum", "union", "walk",
		}},
		{"tell and convert types", []string{
			"cast_array", "cast_boolean", "cast_null", "cast_object", "cast_set", "cast_string", "is_array", "is_boolean",
			"is_null", "is_number", "is_object", "is_set", "is_string", "type_name",
		}},
		{"rewrite texts", []string{
			"concat", "contains", "endswith", "format_int", "indexof", "indexof_n", "lower", "replace", "split", "sprintf",
			"startswith", "strings.any_prefix_match", "strings.any_suffix_match", "strings.count", "strings.render_template",
			"strings.replace_n", "strings.reverse", "strings.split_n", "substring", "trim", "trim_left", "trim_prefix",
			"trim_right", "trim_space", "trim_suffix", "upper",
		}},
		{"match patterns, in time that grows with the text alone", []string{
			"glob.match", "glob.quote_meta", "re_match", "regex.find_all_string_submatch_n", "regex.find_n", "regex.globs_match",
			"regex.is_valid", "regex.match", "regex.replace", "regex.split", "regex.template_match",
		}},
		{"decode and encode", []string{
			"base64.decode", "base64.encode", "base64.is_valid", "base64url.decode", "base64url.encode",
			"base64url.encode_no_pad", "hex.decode", "hex.encode", "json.is_valid", "json.marshal",
			"json.marshal_with_options", "json.unmarshal", "uri.is_valid", "uri.parse", "urlquery.decode",
			"urlquery.decode_object", "urlquery.encode", "urlquery.encode_object", "yaml.is_valid", "yaml.marshal", "yaml.unmarshal",
		}},
		{"read a text of another language", []string{
			"graphql.is_valid", "graphql.parse", "graphql.parse_and_verify", "graphql.parse_query", "graphql.parse_schema",
			"graphql.schema_is_valid", "rego.parse_module", "semver.compare", "semver.is_valid", "uuid.parse",
		}},
		{"compare addresses without asking the network", []string{
			"net.cidr_contains", "net.cidr_contains_matches", "net.cidr_expand", "net.cidr_intersects", "net.cidr_is_valid",
			"net.cidr_merge", "net.cidr_overlap",
		}},
		{"calculate with times; time.now_ns is the time of the decision", []string{
			"time.add_date", "time.clock", "time.date", "time.diff", "time.format", "time.now_ns", "time.parse_duration_ns",
			"time.parse_ns", "time.parse_rfc3339_ns", "time.weekday",
		}},
		{"digest, and check signatures by what is handed to them", []string{
			"crypto.hmac.equal", "crypto.hmac.md5", "crypto.hmac.sha1", "crypto.hmac.sha256", "crypto.hmac.sha512", "crypto.md5",
			"crypto.sha1", "crypto.sha256",
			"crypto.x509.parse_and_verify_certificates", "crypto.x509.parse_and_verify_certificates_with_options",
			"crypto.x509.parse_certificate_request", "crypto.x509.parse_certificates",
			"io.jwt.decode", "io.jwt.decode_verify", "io.jwt.verify_eddsa", "io.jwt.verify_es256", "io.jwt.verify_es384",
			"io.jwt.verify_es512", "io.jwt.verify_hs256", "io.jwt.verify_hs384", "io.jwt.verify_hs512", "io.jwt.verify_ps256",
			"io.jwt.verify_ps384", "io.jwt.verify_ps512", "io.jwt.verify_rs256", "io.jwt.verify_rs384", "io.jwt.verify_rs512",
		}},
		{"read the policy's own text", []string{"rego.metadata.chain", "rego.metadata.rule"}},
		{"tell a person something, where anybody listens", []string{"print", "trace"}},
		{"what the compiler writes for in, print, templates and cases of tests", []string{
			"internal.member_2", "internal.member_3", "internal.print", "internal.template_string", "internal.test_case",
		}},
	}
}

// refusedBuiltins returns the built-in functions that no policy may call, and why.
func refusedBuiltins() []builtins {
	return []builtins{
		{"it reaches the network", []string{"http.send", "net.lookup_ip_addr"}},
		{"it reads the environment of the job", []string{"opa.runtime"}},
		{"its $ref reads files and addresses", []string{"json.match_schema", "json.verify_schema"}},
		{"it has another answer every time", []string{"rand.intn", "uuid.rfc4122"}},
		{"it is for private keys, which a policy has none of", []string{
			"crypto.parse_private_keys", "crypto.x509.parse_keypair", "crypto.x509.parse_rsa_private_key", "io.jwt.encode_sign",
			"io.jwt.encode_sign_raw", "providers.aws.sign_req",
		}},
	}
}

// whyRefused says why a policy may not call a function, and reports false for what
// is no built-in function of OPA's.
func whyRefused(name string) (string, bool) {
	if _, known := ast.BuiltinMap[name]; !known {
		return "", false
	}
	for _, group := range refusedBuiltins() {
		if slices.Contains(group.names, name) {
			return group.why, true
		}
	}
	return "nobody has looked at what it does", true
}

// allowedFeatures returns what of the language of a version policies may use. What a
// later version of OPA adds is not there until somebody has looked at it.
func allowedFeatures(version ast.RegoVersion) (features, keywords []string) {
	if version == ast.RegoV0 {
		features := []string{
			ast.FeatureKeywordsInRefs, ast.FeatureRegoV1, ast.FeatureRegoV1Import, ast.FeatureRefHeadStringPrefixes, ast.FeatureRefHeads,
		}
		return features, []string{"contains", "every", "if", "in"}
	}
	return []string{ast.FeatureKeywordsInRefs, ast.FeatureRegoV1, ast.FeatureTemplateStrings}, nil
}

// capabilities returns what a policy may use: the functions and the features of the
// language that somebody has looked at, and no host on the network (nil would mean
// any). Of the language, Rego v0 has what the Policy Controller's older OPA knows too.
func capabilities(version ast.RegoVersion) *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion(ast.CapabilitiesRegoVersion(version))
	c.AllowNet = []string{}
	allowed := map[string]bool{}
	for _, group := range allowedBuiltins() {
		for _, name := range group.names {
			allowed[name] = true
		}
	}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool { return !allowed[b.Name] })
	features, keywords := allowedFeatures(version)
	c.Features = slices.DeleteFunc(c.Features, func(f string) bool { return !slices.Contains(features, f) })
	c.FutureKeywords = slices.DeleteFunc(c.FutureKeywords, func(k string) bool { return !slices.Contains(keywords, k) })
	return c
}
