//go:build race

package sqlite

import "flag"

// The detector slows SQLite down more than tenfold, and the machine's model runs
// in one goroutine, where it has nothing to find. The flag still has the last word.
func init() {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
}
