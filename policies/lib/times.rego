# Shared rules about points in time.
package hallmark.lib.times

# problem says what is wrong with the time at which something was made; it is
# undefined for one that is not older than max_age. An age of 0h is any age.
problem(what, text, max_age) := sprintf("%s does not say when it was made", [what]) if text in {"", null}

else := sprintf("%s says that it was made at %v, which is no time", [what, text]) if not instant(text)

else := sprintf("%s says that it was made in the future, at %s", [what, text]) if instant(text) - time.now_ns() > skew

else := sprintf("the greatest age of %s is %v, which is no duration such as 120h", [what, max_age]) if not duration(max_age)

else := sprintf("%s is of %s, which is more than %s ago", [what, text, max_age]) if {
	duration(max_age) > 0
	time.now_ns() - instant(text) > duration(max_age)
}

# instant is a time in nanoseconds, undefined for a text that is none.
instant(text) := time.parse_rfc3339_ns(text) if {
	is_string(text)
	regex.match(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`, text)
}

# duration is a span in nanoseconds, undefined for a text that is none.
duration(text) := time.parse_duration_ns(text) if {
	is_string(text)
	regex.match(`^([0-9]+([.][0-9]+)?(h|m|s))+$`, text)
}

# skew is what the clocks of machines differ by: ten minutes.
skew := ((10 * 60) * 1000) * 1000000

# day is a day's length.
day := ((((24 * 60) * 60) * 1000) * 1000) * 1000
