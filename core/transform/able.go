package transform

// Able lists the keys of the language that can does, each with the words among its
// values that it takes: none for a key of numbers.
func Able(can func(key, value string) bool) map[string][]string {
	able := map[string][]string{}
	for _, k := range table {
		words := []string{}
		for _, w := range k.words {
			if len(k.words) > 1 && can(k.name, w) { // a single word is not what the key is about
				words = append(words, w)
			}
		}
		if len(words) > 0 || can(k.name, k.def) {
			able[k.name] = words
		}
	}
	return able
}
