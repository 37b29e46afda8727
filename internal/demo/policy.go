package demo

import _ "embed"

//go:embed no-critical.rego
var noCritical string

// Policy returns the demonstration's policy: it denies an image with critical
// findings.
func Policy() string { return noCritical }
