package memory_test

import (
	"context"
	"testing"
	"time"

	"imgd/adapters/memory"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestQueue(t *testing.T) {
	portstest.Queue(t, func(*testing.T) ports.Queue { return memory.NewQueue(256) })
}

// slow waits a little for somebody to read: the mistake that the suite is there to
// find.
type slow struct{ *memory.Queue }

func (s slow) Push(ctx context.Context, id core.ID) error {
	time.Sleep(3 * time.Millisecond)
	return s.Queue.Push(ctx, id)
}

func TestAQueueThatWaitsForAReaderIsFoundOut(t *testing.T) {
	if n, took := portstest.Pushes(t, slow{memory.NewQueue(256)}); took < 3*time.Millisecond || n > 100 {
		t.Errorf("after %d pushes the quickest of a hundred took %s, want 3 ms to be found at once", n, took)
	}
}
