//go:build !race

package vips_test

const (
	memoryBytes = 256 << 20
	raced       = false
)
