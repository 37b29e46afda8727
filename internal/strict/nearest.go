package strict

// maxCompared bounds the names that are compared, in bytes: longer ones are near
// to nothing.
const maxCompared = 100

// Nearest returns the known name that takes the fewest changes of letters to get
// from name, and how many these are (Levenshtein's distance, in bytes). Without
// known names it returns nothing.
func Nearest(name string, known []string) (string, int) {
	name = name[:min(len(name), maxCompared)]
	best, least := "", len(name)
	for _, k := range known {
		if d := changes(name, k); d < least || best == "" {
			best, least = k, d
		}
	}
	return best, least
}

// Typos returns how many letters may be wrong in a name that is still meant.
func Typos(name string) int { return max(1, min(3, len(name)/4)) }

// changes is the edit distance of two names.
func changes(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
