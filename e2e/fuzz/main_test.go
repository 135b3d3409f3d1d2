// Package fuzz asks the real binary whatever openapi.yaml lets one ask, and what it does
// not, and takes nothing for an answer that the contract does not have.
package fuzz

import (
	"testing"

	"imgd/e2e/rig"
)

// shipped is imgd as it ships.
var shipped string

func TestMain(m *testing.M) { rig.Main(m, rig.Binary{Path: &shipped}) }
