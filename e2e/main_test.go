// Package e2e tests the binary from outside: real processes on real files, which
// are killed and frozen for real. Tests that wait more than they work run beside each
// other; those that weigh memory or watch the clock run alone, before them.
package e2e

import (
	"flag"
	"testing"

	"imgd/e2e/rig"
)

// shipped is imgd as it ships; mutant is one whose workers do not care
// about their lease, for controls that must fail.
var shipped, mutant string

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "3")
	rig.Main(m, rig.Binary{Path: &shipped}, rig.Binary{Path: &mutant, Tags: []string{"mutant_nofence"}})
}
