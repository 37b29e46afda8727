package evidence

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	link "github.com/in-toto/attestation/go/predicates/link/v0"
	provenancev02 "github.com/in-toto/attestation/go/predicates/provenance/v02"
	provenancev1 "github.com/in-toto/attestation/go/predicates/provenance/v1"
	release "github.com/in-toto/attestation/go/predicates/release/v02"
	scai "github.com/in-toto/attestation/go/predicates/scai/v0"
	testresult "github.com/in-toto/attestation/go/predicates/test_result/v0"
	vsa "github.com/in-toto/attestation/go/predicates/vsa/v1"
	vulns "github.com/in-toto/attestation/go/predicates/vulns/v02"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/hallmark-ci/hallmark/internal/attest"
	"github.com/hallmark-ci/hallmark/internal/plain"
)

// shape is what a predicate type demands of a document.
type shape struct {
	message  proto.Message        // in-toto's published form; nil: it has none
	required []string             // paths of what must be there, and not empty
	lists    []string             // paths of what must be a list, which may be empty
	words    map[string][]string  // paths of what must be one of some words
	further  func(d []byte) error // what else there is to check; may be nil
}

// shapeOf returns what a type demands, and whether it is a known one.
func shapeOf(uri string) (shape, bool) {
	if attest.SameType(uri, attest.TypeSPDX) {
		uri = attest.TypeSPDX
	}
	s, known := shapes()[uri]
	return s, known
}

func shapes() map[string]shape {
	return map[string]shape{
		attest.TypeSPDX: {required: []string{"spdxVersion", "SPDXID", "name", "creationInfo"}},
		attest.TypeSLSA1: {message: &provenancev1.Provenance{}, required: []string{
			"buildDefinition.buildType", "buildDefinition.externalParameters", "runDetails.builder.id",
		}},
		attest.TypeSLSA02: {message: &provenancev02.Provenance{}, required: []string{"builder.id", "buildType"}},
		attest.TypeVSA: {
			message:  &vsa.VerificationSummary{},
			required: []string{"verifier.id", "timeVerified", "resourceUri", "policy", "verificationResult", "verifiedLevels"},
			words:    map[string][]string{"verificationResult": {"PASSED", "FAILED"}},
		},
		attest.TypeTestResult: {message: &testresult.TestResult{}, required: []string{"result"}, words: map[string][]string{"result": {"PASSED", "WARNED", "FAILED"}}, further: checkTestResult},
		attest.TypeVulns:      {message: &vulns.Vulns{}, required: []string{"scanner.uri", "metadata.scanStartedOn", "metadata.scanFinishedOn"}},
		attest.TypeSCAI:       {message: &scai.AttributeReport{}, required: []string{"attributes"}},
		attest.TypeRelease:    {message: &release.Release{}, required: []string{"purl"}, further: checkRelease},
		attest.TypeLink:       {message: &link.Link{}, required: []string{"name"}},
		attest.TypeCycloneDX:  {required: []string{"specVersion"}, words: map[string][]string{"bomFormat": {"CycloneDX"}}},
		attest.TypeOpenVEX:    {required: []string{"@context", "@id", "author", "timestamp", "statements"}, further: checkOpenVEX},
		attest.TypeVuln:       {required: []string{"scanner.uri", "scanner.result", "metadata.scanFinishedOn"}},
		attest.TypeSARIF:      {words: map[string][]string{"version": {"2.1.0"}}, lists: []string{"runs"}, further: formed[struct{ Runs []sarifRun }]},
		// The project's own, docs/schema.
		attest.TypeApproval: {required: []string{"request.author", "commit"}, lists: []string{"approvals"}, further: formed[approvalPredicate]},
		attest.TypeLicences: {lists: []string{"expressions", "unknown"}, further: formed[licencesPredicate]},
		attest.TypeImage:    {required: []string{"images"}, further: formed[imagePredicate]},
		attest.TypeSecrets:  {required: []string{"scanner.uri", "images"}, further: formed[secretsPredicate]},
	}
}

// checkShape refuses a document that is not what its type promises, and names the
// path into it. What it has beyond its type is its author's own, as in-toto has it.
// A type that is not known has no shape.
func checkShape(p attest.Predicate) error {
	s, known := shapeOf(p.Type)
	if !known {
		return nil
	}
	if err := s.check(p.Body); err != nil {
		return fmt.Errorf("it is no predicate of type %s: %w", attest.ShortType(p.Type), err)
	}
	return nil
}

func (s shape) check(document []byte) error {
	if s.message != nil {
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(document, s.message); err != nil {
			return placed(document, err)
		}
	}
	var fields any
	if err := json.Unmarshal(document, &fields); err != nil {
		return err
	}
	if err := s.says(fields); err != nil {
		return err
	}
	if valid, ok := s.message.(interface{ Validate() error }); ok {
		if err := valid.Validate(); err != nil {
			return errors.New(plain.Line(err.Error(), maxQuoted))
		}
	}
	if s.further != nil {
		return s.further(document)
	}
	return nil
}

// says checks for what must be there.
func (s shape) says(fields any) error {
	for _, path := range s.required {
		if empty(at(fields, path)) {
			return fmt.Errorf("%s is missing", path)
		}
	}
	for _, path := range s.lists {
		if _, ok := at(fields, path).([]any); !ok {
			return fmt.Errorf("%s is missing, or no list", path)
		}
	}
	for path, words := range s.words {
		value, _ := at(fields, path).(string)
		if !slices.Contains(words, value) {
			return fmt.Errorf("%s is %q: it must be %s", path, plain.Line(value, maxQuoted), strings.Join(words, " or "))
		}
	}
	return nil
}

// at returns what is at a path of a document, nil for nothing.
func at(value any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		object, _ := value.(map[string]any)
		value = object[key]
	}
	return value
}

// empty reports whether a value says nothing. An empty object is something: no
// parameters are an answer.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	}
	return false
}

// formed asks for a document whose fields are of the kinds that a form has.
func formed[T any](document []byte) error {
	var form T
	err := json.Unmarshal(document, &form)
	if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		path := regexp.MustCompile(`(^|\.)[A-Z]`).ReplaceAllStringFunc(kind.Field, strings.ToLower) // of fields without a tag
		return fmt.Errorf("%s: it must not be of type %s", plain.Line(path, maxQuoted), kind.Value)
	}
	return err
}

// checkRelease asks for a package URL with a version.
func checkRelease(document []byte) error {
	var form struct{ PURL string }
	if err := json.Unmarshal(document, &form); err != nil {
		return err
	}
	name, _, _ := strings.Cut(form.PURL, "?")
	if rest, ok := strings.CutPrefix(name, "pkg:"); !ok || strings.LastIndex(rest, "@") <= strings.LastIndex(rest, "/") {
		return fmt.Errorf("purl is %q: it must be a package URL with a version", plain.Line(form.PURL, maxQuoted))
	}
	return nil
}

// checkTestResult refuses a result that its own tests contradict.
func checkTestResult(document []byte) error {
	var form struct {
		Result      string
		FailedTests []string
		Failed      []string `json:"failed_tests"` // as protobuf's JSON may have it, too
	}
	if err := json.Unmarshal(document, &form); err != nil {
		return err
	}
	if all := slices.Concat(form.FailedTests, form.Failed); form.Result != "FAILED" && len(all) > 0 {
		return fmt.Errorf("result is %s, and failedTests names %s", form.Result, plain.Line(all[0], maxQuoted))
	}
	return nil
}
