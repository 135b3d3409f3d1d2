package portstest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Queue holds a queue of hints to the promises of ports.Queue. open returns an
// empty one.
func Queue(t *testing.T, open func(*testing.T) ports.Queue) {
	t.Run("reads what was written", func(t *testing.T) {
		q := open(t)
		if err := q.Push(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if got, err := q.Pop(ctx); got != "a" || err != nil {
			t.Errorf("Pop = %q, %v, want a", got, err)
		}
	})
	t.Run("a waiting reader is woken", func(t *testing.T) {
		q, got := open(t), make(chan core.ID)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go func() { id, _ := q.Pop(ctx); got <- id }()
		time.Sleep(20 * time.Millisecond)
		if err := q.Push(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if id := <-got; id != "a" {
			t.Errorf("the reader got %q, want a", id)
		}
	})
	t.Run("absence is waited for until the context ends", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if id, err := open(t).Pop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Pop of an empty queue = %q, %v, want the context's own error", id, err)
		}
	})
	t.Run("pushing never waits for a reader", func(t *testing.T) {
		q := open(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for i := range 5000 {
			if err := q.Push(ctx, core.ID(fmt.Sprint(i))); err != nil {
				t.Fatalf("push %d = %v", i, err)
			}
		}
	})
	t.Run("concurrent readers share the hints", func(t *testing.T) {
		q := open(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var (
			mu   sync.Mutex
			seen = map[core.ID]int{}
			wg   sync.WaitGroup
		)
		for range 4 {
			wg.Go(func() {
				for range 25 {
					id, err := q.Pop(ctx)
					if err != nil {
						t.Error(err)
						return
					}
					mu.Lock()
					seen[id]++
					mu.Unlock()
				}
			})
		}
		for i := range 100 {
			if err := q.Push(ctx, core.ID(fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
		}
		wg.Wait()
		if len(seen) != 100 {
			t.Errorf("four readers saw %d of 100 hints", len(seen))
		}
	})
}
