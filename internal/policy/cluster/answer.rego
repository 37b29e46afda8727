# What every compiled check shares: one answer, which says everything at once, since
# the controller shows a single message and lets any satisfied one outweigh others.
package sigstore

import rego.v1

isCompliant contains {"result": passes, "error": concat("; ", shown)}

default passes := false

passes if {
	satisfied
	count(problems) == 0
}

shown := array.concat(array.slice(sorted, 0, setting.limit), more)

sorted := sort([problem | some problem in problems]) if count(problems) > 0

sorted := ["the attestation does not satisfy the policy"] if {
	count(problems) == 0
	not satisfied
}

sorted := [] if passes

more := [sprintf("and %d more", [count(sorted) - setting.limit])] if count(sorted) > setting.limit

more := [] if count(sorted) <= setting.limit

now := time.now_ns()

# lasts reports whether a time is still to come. OPA cannot read one after the year 2262,
# where its nanoseconds end.
lasts(until) if time.parse_rfc3339_ns(until) > now

lasts(until) if regex.match(`^(226[3-9]|22[7-9][0-9]|2[3-9][0-9]{2}|[3-9][0-9]{3})-[0-9]{2}-[0-9]{2}T`, until)

# Scans grow old: what was published since is not in them.
problems contains "the scan does not say when it finished (metadata.scanFinishedOn)" if {
	setting.scan
	not finished
}

problems contains "the scan finishes in the future" if {
	setting.scan
	finished > now + setting.skew
}

problems contains sprintf("the scan is older than %s: scan the image again", [setting.max_scan_age.words]) if {
	setting.scan
	setting.max_scan_age.ns > 0
	now - finished > setting.max_scan_age.ns
}

finished := time.parse_rfc3339_ns(input.predicate.metadata.scanFinishedOn)

# What nobody looked at is not known to be harmless.
problems contains sprintf("not everything was read: %v (%v)", [gap_text(gap, "what"), gap_text(gap, "why")]) if {
	setting.content
	some gap in unread
	not may_stay(gap)
}

may_stay(gap) if {
	some pattern in setting.allow_unread
	regex.match(pattern, gap.what)
}

gap_text(gap, key) := gap[key] if is_object(gap) else := "what it lists is not understood"

unread := array.concat(unread_of_scan, array.concat(unread_of_cyclonedx, unread_of_spdx))

unread_of_scan := gaps(object.get(input, ["predicate", "scanner", "result", "unread"], []))

unread_of_cyclonedx := [gap |
	some property in object.get(input, ["predicate", "metadata", "properties"], [])
	property.name == "hallmark:unread"
	some gap in gaps_in(property.value)
]

unread_of_spdx := [gap |
	some annotation in object.get(input, ["predicate", "annotations"], [])
	startswith(annotation.comment, "hallmark:unread=")
	some gap in gaps_in(trim_prefix(annotation.comment, "hallmark:unread="))
]

gaps_in(text) := gaps(json.unmarshal(text)) if json.is_valid(text) else := [""]

gaps(listed) := listed if is_array(listed) else := [] if listed == null else := [""]

# So does the database that a scan was made with. Of a scan by another program the gate
# does not ask for it, but what is said counts.
problems contains "the scan does not say when its vulnerability database was built (scanner.result.database.built)" if {
	dated
	shaped
	not built
}

problems contains "the vulnerability database was built in the future" if {
	dated
	built > now + setting.skew
}

problems contains sprintf("the vulnerability database is older than %s: scan the image again with a newer one", [setting.max_database_age.words]) if {
	dated
	now - built > setting.max_database_age.ns
}

dated if {
	setting.scan
	setting.max_database_age.ns > 0
}

# A scan in Hallmark's form, however little of it is there.
shaped if {
	some key in ["counts", "database"]
	object.get(input.predicate.scanner.result, key, null) != null
}

built := time.parse_rfc3339_ns(stated)

stated := input.predicate.scanner.result.database.built if shaped

stated := input.predicate.scanner.db.lastUpdate if not shaped

# current is the statement as of now, which is what a policy is asked about.
current := input if count(ended) == 0

current := object.union(input, {"predicate": predicate}) if count(ended) > 0

# A finding counts again when what suppressed it has ended.
predicate := input.predicate if count(ended) == 0

predicate := object.union(input.predicate, {"scanner": {"result": {
	"findings": [current | some i, finding in findings; current := as_of_now(i, finding)],
	"counts": {"effective": {severity: n |
		some severity, before in input.predicate.scanner.result.counts.effective
		n := before + count([i | some i in ended; findings[i].severity == severity])
	}},
}}}) if {
	count(ended) > 0
}

findings := input.predicate.scanner.result.findings

ended contains i if {
	setting.scan
	some i, finding in findings
	finding.suppressedBy.until != null
	not lasts(finding.suppressedBy.until)
}

as_of_now(i, finding) := object.remove(finding, ["suppressedBy"]) if i in ended

as_of_now(i, finding) := finding if not i in ended

# sentence returns what a policy says as one line, and is undefined for what says nothing.
sentence(said) := said if {
	is_string(said)
	trim_space(said) != ""
}

sentence(said) := concat("", [labelled(said, "id"), labelled(said, "resource"), said.msg, cure(said)]) if {
	is_object(said)
	every key, value in said {
		key in {"msg", "id", "severity", "fix", "resource"}
		is_string(value)
	}
	trim_space(said.msg) != ""
}

labelled(said, key) := sprintf("%s: ", [said[key]]) if {
	object.get(said, key, "") != ""
	not contains(said.msg, said[key])
} else := ""

cure(said) := sprintf(" (fix: %s)", [fix]) if {
	fix := first([object.get(said, "fix", ""), setting.fix])
} else := ""

first(texts) := [text | some text in texts; text != ""][0]

# untyped hides from the type checker what a policy's rule can be, which would
# refuse to ask whether it is anything else.
untyped(value) := value
