//go:build race

package decode_test

// The race detector has threads of its own.
const maxGo = 16
