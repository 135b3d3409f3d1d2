// Package clients has the clients in clients/ play one list of scenarios against the
// real binary.
package clients

import (
	"testing"

	"imgd/e2e/rig"
)

var shipped string

func TestMain(m *testing.M) { rig.Main(m, rig.Binary{Path: &shipped}) }
