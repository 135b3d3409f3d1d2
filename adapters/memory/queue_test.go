package memory_test

import (
	"testing"

	"imgd/adapters/memory"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestQueue(t *testing.T) {
	portstest.Queue(t, func(*testing.T) ports.Queue { return memory.NewQueue(256) })
}
