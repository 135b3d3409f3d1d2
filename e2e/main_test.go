// Package e2e tests the binary from outside: real processes on real files, which
// are killed and frozen for real.
package e2e

import (
	"fmt"
	"os"
	"testing"

	"imgd/e2e/rig"
)

// shipped is imgd as it ships; mutant is one whose workers do not care
// about their lease, for controls that must fail.
var shipped, mutant string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "imgd-e2e")
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
