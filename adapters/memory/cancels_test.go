package memory_test

import (
	"testing"

	"imgd/adapters/memory"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestCancels(t *testing.T) {
	portstest.Cancels(t, func(*testing.T) (here, there ports.Cancels) {
		var c memory.Cancels
		return &c, &c
	})
}
