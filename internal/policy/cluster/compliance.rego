# A policy of package compliance. It sees the keys of the predicate, and above them
# those of the statement.
package sigstore

import rego.v1

asked := [untyped(answer)] if answer := policy_compliant with input as both

problems contains "compliant is undefined for the attestation" if not asked

problems contains "compliant is not true for the attestation" if asked[0] != true

problems contains text if {
	asked[0] != true
	some said in violations
	text := sentence(said)
}

problems contains "violations holds something else than texts and {msg, id, severity, fix, resource}" if {
	some said in violations
	not sentence(said)
}

violations := untyped(found) if found := policy_violations with input as both

both := object.union({key: value | some key, value in inner; not key in object.keys(outer)}, outer)

inner := outer.predicate if is_object(outer.predicate)

inner := {} if not is_object(outer.predicate)

outer := current if not nested

outer := current.predicate if nested

nested if {
	is_object(input.predicate.predicate)
	input.predicate.predicateType
}

satisfied if asked[0] == true
