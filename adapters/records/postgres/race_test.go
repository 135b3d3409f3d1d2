//go:build race

package postgres_test

import "flag"

// The machine's model runs in one goroutine, where the detector has nothing to
// find. The flag still has the last word.
func init() {
	if err := flag.Set("rapid.checks", "20"); err != nil {
		panic(err)
	}
}
