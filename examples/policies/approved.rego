# METADATA
# title: The change was approved by two people
# custom:
#   predicateType: custom
package sigstore

import future.keywords.if
import future.keywords.in

# Under the custom type, predicate.Data is the file's text.
approval := json.unmarshal(input.predicate.Data)

people := {name | some name in approval.approvedBy; name != approval.author}

isCompliant[response] {
	response := {
		"result": count(people) >= 2,
		"error": sprintf("%d approvals by others than the author, needed are 2", [count(people)]),
	}
}
