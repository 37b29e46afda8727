package plain

import "strconv"

// Count returns a number with its word, in the plural unless it is one.
func Count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}
