//go:build race

package vips_test

// The race detector's shadow memory counts as data.
const (
	memoryBytes = 1 << 50
	raced       = true
)
