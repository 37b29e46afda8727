# METADATA
# title: An SBOM is attached and lists something
# custom:
#   predicateType: cyclonedx
package sigstore

import rego.v1

default isCompliant := false

isCompliant if count(input.predicate.components) > 0
