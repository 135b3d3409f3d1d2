// Package storm keeps a whole deployment under fault after fault while clients send
// it pictures, and then counts what has become of each. It has a package of its own
// because it takes long: make chaos, make chaos-short.
package storm

import (
	"fmt"
	"os"
	"testing"

	"imgd/e2e/rig"
)

// shipped is imgd as it ships; mutant is one whose workers do not care about their
// lease.
var shipped, mutant string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "imgd-storm")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	if shipped, err = rig.Build(dir); err == nil {
		mutant, err = rig.Build(dir, "mutant_nofence")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
