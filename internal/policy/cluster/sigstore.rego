# A policy of the controller's own dialect: its answer, with every message.
package sigstore

import rego.v1

asked := [untyped(answer)] if answer := policy_isCompliant with input as current

problems contains "isCompliant is undefined for the attestation" if not asked

problems contains "isCompliant is false for the attestation" if asked[0] == false

problems contains "isCompliant is an empty set for the attestation" if {
	listed
	count(elements) == 0
}

problems contains "isCompliant is neither a boolean nor a set of {result, error, warning}" if {
	not is_boolean(asked[0])
	not listed
}

problems contains message if {
	not passed
	some element in elements
	message := complaint(element)
}

listed if is_set(asked[0])

listed if is_array(asked[0])

elements := [element | some element in asked[0]] if listed

# The first true result decides; without a warning, it satisfies.
passed if {
	some i, element in elements
	outcome(element) == "pass"
	every earlier in array.slice(elements, 0, i) {
		outcome(earlier) == "no"
	}
}

outcome(element) := "bad" if not well_formed(element)

outcome(element) := "warned" if {
	well_formed(element)
	element.result == true
	said(element, "warning") != ""
}

outcome(element) := "pass" if {
	well_formed(element)
	element.result == true
	said(element, "warning") == ""
}

outcome(element) := "no" if {
	well_formed(element)
	object.get(element, "result", null) != true
}

well_formed(element) if {
	is_object(element)
	object.get(element, "result", null) in {true, false, null}
	every key in ["error", "warning"] {
		textual(object.get(element, key, null))
	}
}

textual(value) if is_string(value)

textual(null)

# said returns a text of an element, empty where there is none.
said(element, key) := element[key] if is_string(element[key])

said(element, key) := "" if not is_string(object.get(element, key, null))

complaint(element) := sprintf("the policy is satisfied but warns: %s", [element.warning]) if outcome(element) == "warned"

complaint(element) := "isCompliant holds something else than {result, error, warning}" if outcome(element) == "bad"

complaint(element) := text if {
	outcome(element) == "no"
	text := first([said(element, "error"), said(element, "warning"), "isCompliant is false for the attestation"])
}

satisfied if asked[0] == true

satisfied if passed
