# Shared rules about texts.
package hallmark.lib.texts

# says holds for a text that says something.
says(text) if {
	is_string(text)
	not upper(trim_space(text)) in {"", "NOASSERTION", "NONE", "UNKNOWN"}
}

# matches holds if one of the patterns is for the text: * stands for any characters,
# and capital letters for small ones.
matches(patterns, text) if {
	some pattern in patterns
	glob.match(lower(pattern), null, lower(text))
}

# list names the first of many.
list(names) := concat(", ", names) if count(names) <= 5

else := sprintf("%s and %d more", [concat(", ", array.slice(names, 0, 5)), count(names) - 5])
