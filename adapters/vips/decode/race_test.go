//go:build race

package decode_test

// The race detector has threads of its own.
const (
	maxThreads = 32
	raced      = true
)
