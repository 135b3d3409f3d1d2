package transform

import "strings"

// nearestKey returns the key that was probably meant by an unknown name.
func nearestKey(name string) (string, bool) {
	var words []string
	owner := map[string]string{}
	for _, k := range table {
		for _, w := range append([]string{k.name}, k.also...) {
			words = append(words, w)
			owner[w] = k.name
		}
	}
	near, ok := nearest(name, words)
	return owner[near], ok
}

// nearest returns the word with the fewest edits to v, the first of equals, if
// they are few enough for v to be a misspelling of it.
func nearest(v string, words []string) (string, bool) {
	const longest = 32 // nothing we know is nearly that long
	if len(v) > longest {
		return "", false
	}
	v = strings.ToLower(strings.TrimSpace(v))
	best, fewest := "", 1+len(v)/4
	for _, w := range words {
		d := edits(v, w)
		if d <= fewest && d < max(len(v), 1) && (best == "" || d < fewest) {
			best, fewest = w, d
		}
	}
	return best, best != ""
}

// edits counts the insertions, deletions, substitutions and swaps of neighbours
// between a and b, in bytes.
func edits(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}

// clip keeps what a caller wrote short enough to be told back.
func clip(v string) string {
	const most = 64
	if len(v) <= most {
		return v
	}
	return strings.ToValidUTF8(v[:most], "") + "…"
}
