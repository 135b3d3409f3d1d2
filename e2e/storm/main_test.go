// Package storm keeps a whole deployment under fault after fault while clients send
// it pictures, and then counts what has become of each. It has a package of its own
// because it takes long: make chaos, make chaos-short.
package storm

import (
	"testing"

	"imgd/e2e/rig"
)

// shipped is imgd as it ships; mutant is one whose workers do not care about their
// lease.
var shipped, mutant string

func TestMain(m *testing.M) {
	rig.Main(m, rig.Binary{Path: &shipped}, rig.Binary{Path: &mutant, Tags: []string{"mutant_nofence"}})
}
