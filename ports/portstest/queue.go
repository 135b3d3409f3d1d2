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

// hint is the nth of some ids that look like ours.
func hint(n int) core.ID { return core.ID(fmt.Sprintf("01900000-0000-7000-8000-%012x", n)) }

// Queue holds a queue of hints to the promises of ports.Queue. open returns an
// empty one.
func Queue(t *testing.T, open func(*testing.T) ports.Queue) {
	t.Run("reads what was written", func(t *testing.T) {
		q := open(t)
		if err := q.Push(t.Context(), hint(1)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if got, err := q.Pop(ctx); got != hint(1) || err != nil {
			t.Errorf("Pop = %q, %v, want %q", got, err, hint(1))
		}
	})
	t.Run("a waiting reader is woken", func(t *testing.T) {
		q, got := open(t), make(chan core.ID)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		go func() { id, _ := q.Pop(ctx); got <- id }()
		time.Sleep(20 * time.Millisecond)
		if err := q.Push(t.Context(), hint(1)); err != nil {
			t.Fatal(err)
		}
		if id := <-got; id != hint(1) {
			t.Errorf("the reader got %q, want %q", id, hint(1))
		}
	})
	t.Run("absence is waited for until the context ends", func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		if id, err := open(t).Pop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Pop of an empty queue = %q, %v, want the context's own error", id, err)
		}
	})
	t.Run("a cancelled reader returns at once, with the cause", func(t *testing.T) {
		q, cause := open(t), errors.New("closing time")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		began := time.Now()
		if id, err := q.Pop(ctx); !errors.Is(err, cause) {
			t.Errorf("Pop = %q, %v, want the cause of the cancellation", id, err)
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("Pop returned %s after it was called, want soon after the 50 ms of its context", took)
		}
	})
	t.Run("readers who give up take no hint with them", func(t *testing.T) { impatience(t, open(t)) })
	t.Run("pushing never waits for a reader", func(t *testing.T) {
		if n, took := Pushes(t, open(t)); took > 0 {
			t.Errorf("of a hundred pushes that end with number %d even the quickest took %s, want less than 2 ms", n, took)
		}
	})
	t.Run("concurrent readers share the hints", func(t *testing.T) { sharing(t, open(t)) })
}

// Pushes has 5000 hints pushed that nobody reads, which 10 s are enough for. A busy
// machine holds up one push or another, and a queue that waits holds up all: of every
// hundred the quickest counts. It returns where that was too slow, and how long it
// took.
func Pushes(t *testing.T, q ports.Queue) (pushed int, took time.Duration) {
	t.Helper()
	const all, many, enough = 5000, 100, 10 * time.Second / 5000
	for pushed < all {
		quickest := time.Minute
		for range many {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			err := q.Push(ctx, hint(pushed))
			cancel()
			if err != nil {
				t.Fatalf("push %d = %v", pushed, err)
			}
			pushed++
			quickest = min(quickest, time.Since(began))
		}
		if quickest > enough {
			return pushed, quickest
		}
	}
	return pushed, 0
}

// impatience pushes while readers with too little time come and go. A hint may be
// lost, but not as a habit.
func impatience(t *testing.T, q ports.Queue) {
	const all = 200
	var pushing sync.WaitGroup
	pushing.Go(func() {
		for i := range all {
			if err := q.Push(t.Context(), hint(i)); err != nil {
				t.Errorf("push %d = %v", i, err)
			}
			time.Sleep(2 * time.Millisecond)
		}
	})
	defer pushing.Wait()
	seen := map[core.ID]bool{}
	began := time.Now()
	for try := 0; len(seen) < all && time.Since(began) < 20*time.Second; try++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(try%10)*time.Millisecond)
		id, err := q.Pop(ctx)
		cancel()
		if err == nil {
			seen[id] = true
		} else if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Pop = %v, want a hint or the context's own error", err)
		}
	}
	if len(seen) != all {
		t.Errorf("readers with 0 to 9 ms of time saw %d of %d hints", len(seen), all)
	}
}

// sharing has four readers take a hundred hints between them.
func sharing(t *testing.T, q ports.Queue) {
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
		if err := q.Push(ctx, hint(i)); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if len(seen) != 100 {
		t.Errorf("four readers saw %d of 100 hints", len(seen))
	}
}
