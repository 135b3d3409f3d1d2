package resilience_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"imgd/adapters/resilience"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// One permit is enough for all promises, since nobody takes a second one while he has it.
func TestBlobsBehindABulkhead(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs { return bounded(t, folder(t), 1, time.Minute) })
}

func TestBlobsBehindABulkheadAndABreaker(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs {
		return bounded(t, &resilience.Blobs{Blobs: folder(t), Breaker: breaker(resilience.Config{})}, 1, time.Minute)
	})
}

// bounded is a store that has to have all its permits at the end of the test.
func bounded(t *testing.T, store ports.Blobs, calls int, wait time.Duration) *resilience.BoundedBlobs {
	t.Helper()
	b := &resilience.BoundedBlobs{Blobs: store, Bulkhead: resilience.NewBulkhead(resilience.BulkheadConfig{Name: "store", Calls: calls, Wait: wait})}
	t.Cleanup(func() { whole(t, b.Bulkhead) })
	return b
}

func whole(t *testing.T, b *resilience.Bulkhead) {
	t.Helper()
	if free := b.Free(); free != b.Limit() || b.Calls() != 0 {
		t.Errorf("when all is over %d of %d permits are free, and %d calls under way", free, b.Limit(), b.Calls())
	}
}

// hanging is a store that answers nothing until it is back.
type hanging struct {
	ports.Blobs
	back        chan struct{}
	asked, most atomic.Int64
}

func (h *hanging) Open(ctx context.Context, key string) (*ports.Blob, error) {
	defer h.asked.Add(-1)
	now := h.asked.Add(1)
	for most := h.most.Load(); now > most && !h.most.CompareAndSwap(most, now); most = h.most.Load() {
	}
	select {
	case <-h.back:
		return h.Blobs.Open(ctx, key)
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// crowd has so many callers ask at once, and returns how many were refused and how long the
// longest of them waited, once that many are held up that the store holds up.
func crowd(t *testing.T, store ports.Blobs, callers int) (refused int, longest time.Duration, rest func() []error) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var others []error
	for range callers {
		wg.Go(func() {
			began := time.Now()
			_, err := store.Open(t.Context(), "o/none")
			mu.Lock()
			defer mu.Unlock()
			if core.KindOf(err) != core.Unavailable {
				others = append(others, err)
				return
			}
			refused, longest = refused+1, max(longest, time.Since(began))
			if core.RetryAfter(err) <= 0 || !errors.Is(err, ports.ErrNotAsked) {
				t.Errorf("a refusal is %v, and says to come again after %v", err, core.RetryAfter(err))
			}
		})
	}
	time.Sleep(time.Hour) // of a clock that jumps when all wait
	synctest.Wait()
	mu.Lock()
	defer mu.Unlock()
	return refused, longest, func() []error { wg.Wait(); return others }
}

func TestAStoreThatHangsHoldsUpSoManyCallersAndNoMore(t *testing.T) {
	for _, calls := range []int{1, 64} {
		t.Run(fmt.Sprint(calls), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := &hanging{Blobs: folder(t), back: make(chan struct{})}
				b := bounded(t, store, calls, 0)
				refused, longest, rest := crowd(t, b, 500)
				if most := store.most.Load(); most != int64(calls) || refused != 500-calls || longest > 500*time.Millisecond {
					t.Errorf("%d of 500 asked a store that hangs, %d were refused within %v; want %d, and the others within half a second", most, refused, longest, calls)
				}
				if b.Bulkhead.Refused() != int64(refused) || b.Bulkhead.Calls() != int64(calls) {
					t.Errorf("it has counted %d refusals and %d calls", b.Bulkhead.Refused(), b.Bulkhead.Calls())
				}
				close(store.back)
				for _, err := range rest() {
					if core.KindOf(err) != core.NotFound {
						t.Errorf("once it is back, who was held up hears %v; want the store's answer", err)
					}
				}
				if refused, _, rest := crowd(t, b, 500); refused != 0 || len(rest()) != 500 {
					t.Errorf("once it is back, %d of 500 are refused", refused)
				}
			})
		})
	}
}

// Without a bulkhead the same crowd asks all at once: the figures above are its doing.
func TestWithoutABulkheadAStoreThatHangsHoldsUpEverybody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hanging{Blobs: folder(t), back: make(chan struct{})}
		refused, _, rest := crowd(t, store, 500)
		if most := store.most.Load(); most != 500 || refused != 0 {
			t.Errorf("%d of 500 asked, %d were refused; want all and none", most, refused)
		}
		close(store.back)
		rest()
	})
}

// Of a crowd at a store that hangs and then fails, some ask it and the rest are refused: they
// count for no breaker. Who is in the line when it opens is not sent to the store any more.
func TestABulkheadAroundABreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := breaker(resilience.Config{Pause: time.Hour, Failures: 9})
		store := &failingLate{Blobs: folder(t)}
		bulkhead := bounded(t, &resilience.Blobs{Blobs: store, Breaker: b}, 2, 0)
		ask := func(n int) (asked, refused int) {
			var wg sync.WaitGroup
			before, full := store.calls.Load(), bulkhead.Bulkhead.Refused()
			for range n {
				wg.Go(func() {
					if _, err := bulkhead.Open(t.Context(), "o/a"); core.KindOf(err) != core.Unavailable || core.RetryAfter(err) <= 0 {
						t.Errorf("Open = %v, want Unavailable", err)
					}
				})
			}
			wg.Wait()
			return int(store.calls.Load() - before), int(bulkhead.Bulkhead.Refused() - full)
		}
		if asked, refused := ask(100); asked != 2 || refused != 98 || b.Away() {
			t.Errorf("%d of 100 have asked, %d were refused, and the breaker is open: %v; want 2, 98 and closed", asked, refused, b.Away())
		}
		go func() { // they come when the first two are about to fail, the second of which opens the breaker
			time.Sleep(3 * time.Second)
			if asked, refused := ask(100); asked > 1 || refused != 0 {
				t.Errorf("of 100 in the line %d were sent to the store after it was found away, %d were refused as too many", asked, refused)
			}
		}()
		ask(2)
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}

// failingLate fails as S3 does that hangs.
type failingLate struct {
	ports.Blobs
	calls atomic.Int64
}

func (f *failingLate) Open(context.Context, string) (*ports.Blob, error) {
	f.calls.Add(1)
	time.Sleep(3300 * time.Millisecond)
	return nil, core.Unavailable.Errorf("it hangs").After(time.Second)
}

func TestAnUploadWhoseBytesAreInWhenTheStoreIsAwayIsNotSentToIt(t *testing.T) {
	flaky := &counted{FlakyBlobs: portstest.FlakyBlobs{Blobs: folder(t), Err: core.Unavailable.Errorf("away")}}
	b := breaker(resilience.Config{Pause: time.Hour})
	away := &resilience.Blobs{Blobs: flaky, Breaker: b}
	store := &resilience.Blobs{Blobs: flaky.Blobs, Breaker: b}
	body := io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) {
		for !b.Away() {
			_, _ = away.Open(t.Context(), "o/a")
		}
		return 0, io.EOF
	}))
	if _, err := store.Create(t.Context(), "o/a", "image/png", body); !errors.Is(err, ports.ErrNotAsked) || core.RetryAfter(err) <= 0 {
		t.Errorf("Create = %v, want to be told when to come again", err)
	}
	if _, err := flaky.Blobs.Open(t.Context(), "o/a"); core.KindOf(err) != core.NotFound {
		t.Errorf("after it, Open = %v, want a NotFound", err)
	}
}

// full takes all permits of a store until the test ends, or it is told to let go.
func full(t *testing.T, b *resilience.BoundedBlobs) (release func()) {
	t.Helper()
	store := &hanging{Blobs: b.Blobs, back: make(chan struct{})}
	other := &resilience.BoundedBlobs{Blobs: store, Bulkhead: b.Bulkhead}
	var wg sync.WaitGroup
	for range b.Bulkhead.Limit() {
		wg.Go(func() { _, _ = other.Open(t.Context(), "o/none") })
	}
	for end := time.Now().Add(10 * time.Second); b.Bulkhead.Calls() < int64(b.Bulkhead.Limit()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("of %d permits %d are to be had", b.Bulkhead.Limit(), b.Bulkhead.Calls())
		}
	}
	return sync.OnceFunc(func() { close(store.back); wg.Wait() })
}

func TestWhoeverMakesTheStoreWaitHoldsNoPermit(t *testing.T) {
	b := bounded(t, folder(t), 1, time.Second)
	put(t, b, "o/a")
	put(t, b, "o/b")
	others := func(who string) {
		t.Helper()
		if blob, err := b.Open(t.Context(), "o/a"); err != nil {
			t.Errorf("%s keeps others from the store: %v", who, err)
		} else {
			_ = blob.Close()
		}
	}
	t.Run("a slow sender", func(t *testing.T) {
		var wg sync.WaitGroup
		var bodies []*io.PipeWriter
		for i := range 3 {
			r, w := io.Pipe()
			bodies = append(bodies, w)
			wg.Go(func() {
				_, err := b.Create(t.Context(), fmt.Sprintf("o/slow%d", i), "text/plain", r)
				_ = r.CloseWithError(err)
				if err != nil {
					t.Errorf("a slow sender is told %v", err)
				}
			})
			for _, text := range []string{"some", " bytes"} { // taken, so that Create waits for more
				if _, err := io.WriteString(w, text); err != nil {
					t.Fatal(err)
				}
			}
		}
		others("a slow sender")
		for _, w := range bodies {
			_ = w.Close()
		}
		wg.Wait()
	})
	t.Run("a slow reader", func(t *testing.T) {
		for range 3 {
			blob, err := b.Open(t.Context(), "o/a")
			if err != nil {
				t.Fatal(err)
			}
			defer blob.Close()
		}
		others("an open blob")
	})
	t.Run("who has an entry of a list in hand", func(t *testing.T) {
		for e, err := range b.List(t.Context(), "o/") {
			if err != nil {
				t.Fatal(err)
			}
			if e.Key != "o/a" {
				if err := b.Delete(t.Context(), e.Key); err != nil {
					t.Errorf("to delete what a list shows = %v", err)
				}
			}
			others("a list")
		}
	})
}

func TestAnUploadThatFindsTheStoreFullLeavesNothing(t *testing.T) {
	b := bounded(t, folder(t), 2, 20*time.Millisecond)
	release := full(t, b)
	read := false
	body := io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) { read = true; return 0, io.EOF }))
	if _, err := b.Create(t.Context(), "o/a", "text/plain", body); !errors.Is(err, ports.ErrNotAsked) || read {
		t.Errorf("Create in a full store = %v, and its bytes were taken: %v; want a refusal before that", err, read)
	}
	for range b.List(t.Context(), "") {
		break
	}
	if err := b.Delete(t.Context(), "o/a"); !errors.Is(err, ports.ErrNotAsked) {
		t.Errorf("Delete in a full store = %v, want a refusal", err)
	}
	release()
	var late func()
	filled := io.MultiReader(strings.NewReader("x"), readerFunc(func([]byte) (int, error) { late = full(t, b); return 0, io.EOF }))
	if _, err := b.Create(t.Context(), "o/a", "text/plain", filled); !errors.Is(err, ports.ErrNotAsked) {
		t.Errorf("Create while others fill the store = %v, want a refusal", err)
	}
	late()
	if _, err := b.Open(t.Context(), "o/a"); core.KindOf(err) != core.NotFound {
		t.Errorf("after it, Open = %v, want a NotFound", err)
	}
	put(t, b, "o/a")
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func put(t *testing.T, store ports.Blobs, key string) {
	t.Helper()
	if _, err := store.Create(t.Context(), key, "text/plain", strings.NewReader(key)); err != nil {
		t.Fatal(err)
	}
}

// panicking is a store, and a decision point, that panics.
type panicking struct{ ports.Blobs }

func (panicking) Create(_ context.Context, _, _ string, r io.Reader) (ports.Info, error) {
	_, _ = io.ReadAll(r)
	panic("create")
}
func (panicking) Open(context.Context, string) (*ports.Blob, error)    { panic("open") }
func (panicking) Delete(context.Context, string) error                 { panic("delete") }
func (panicking) Allows(context.Context, ports.Question) (bool, error) { panic("allows") }
func survive(f func())                                                 { defer func() { _ = recover() }(); f() }

// Whatever becomes of a call, its permit is given back.
func TestNoPermitIsLost(t *testing.T) {
	plain := func(t *testing.T) *resilience.BoundedBlobs {
		b := bounded(t, folder(t), 2, 10*time.Millisecond)
		put(t, b, "o/a")
		put(t, b, "o/b")
		return b
	}
	bad := func(t *testing.T) *resilience.BoundedBlobs {
		return bounded(t, panicking{folder(t)}, 2, 10*time.Millisecond)
	}
	create := func(ctx context.Context, b ports.Blobs, r io.Reader) { _, _ = b.Create(ctx, "o/new", "text/plain", r) }
	for name, c := range map[string]struct {
		open func(*testing.T) *resilience.BoundedBlobs
		call func(*testing.T, *resilience.BoundedBlobs)
	}{
		"a source that fails": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			create(t.Context(), b, io.MultiReader(strings.NewReader("x"), iotest.ErrReader(errors.New("cable pulled"))))
		}},
		"a source that panics": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			survive(func() { create(t.Context(), b, readerFunc(func([]byte) (int, error) { panic("reader") })) })
		}},
		"a key that exists": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			_, _ = b.Create(t.Context(), "o/a", "", strings.NewReader("x"))
		}},
		"a key that is none": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			_, _ = b.Create(t.Context(), "../a", "", strings.NewReader("x"))
		}},
		"a store that reads on at the end": {func(t *testing.T) *resilience.BoundedBlobs {
			return bounded(t, twice{}, 2, 10*time.Millisecond)
		}, func(t *testing.T, b *resilience.BoundedBlobs) { create(t.Context(), b, strings.NewReader("x")) }},
		"a store that reads on after it has returned": {func(t *testing.T) *resilience.BoundedBlobs {
			return bounded(t, late{}, 2, 10*time.Millisecond)
		}, func(t *testing.T, b *resilience.BoundedBlobs) {
			r, w := io.Pipe()
			done := make(chan struct{})
			if _, err := b.Create(context.WithValue(t.Context(), late{}, done), "o/new", "text/plain", r); err != nil {
				t.Fatal(err)
			}
			_ = w.Close()
			<-done
		}},
		"the context ends while its bytes come": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			ctx, cancel := context.WithCancel(t.Context())
			create(ctx, b, readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
		}},
		"the context ends in the line": {func(t *testing.T) *resilience.BoundedBlobs {
			return bounded(t, folder(t), 2, time.Minute)
		}, func(t *testing.T, b *resilience.BoundedBlobs) {
			defer full(t, b)()
			ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("it was enough"))
			defer cancel()
			for range 20 {
				if _, err := b.Open(ctx, "o/a"); err == nil || errors.Is(err, ports.ErrNotAsked) {
					t.Errorf("who leaves the line hears %v", err)
				}
			}
		}},
		"a list that is left": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			for range b.List(t.Context(), "") {
				break
			}
		}},
		"a list whose reader panics": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			survive(func() {
				for range b.List(t.Context(), "") {
					panic("reader")
				}
			})
		}},
		"a list that finds the store full": {plain, func(t *testing.T, b *resilience.BoundedBlobs) {
			release := func() {}
			for e, err := range b.List(t.Context(), "") {
				if release(); err != nil {
					if !errors.Is(err, ports.ErrNotAsked) {
						t.Errorf("the list ends with %v", err)
					}
					return
				}
				release = full(t, b)
				_ = e
			}
			t.Error("the list goes on without a permit")
		}},
		"Create panics": {bad, func(t *testing.T, b *resilience.BoundedBlobs) {
			survive(func() { create(t.Context(), b, strings.NewReader("x")) })
		}},
		"Open panics":   {bad, func(t *testing.T, b *resilience.BoundedBlobs) { survive(func() { _, _ = b.Open(t.Context(), "o/a") }) }},
		"Delete panics": {bad, func(t *testing.T, b *resilience.BoundedBlobs) { survive(func() { _ = b.Delete(t.Context(), "o/a") }) }},
		"a policy panics": {bad, func(t *testing.T, b *resilience.BoundedBlobs) {
			p := &resilience.BoundedPolicy{Policy: panicking{}, Bulkhead: b.Bulkhead}
			survive(func() { _, _ = p.Allows(t.Context(), ports.Question{}) })
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := c.open(t)
			for range 5 { // more often than there are permits
				c.call(t, b)
			}
			whole(t, b.Bulkhead)
		})
	}
}

// twice asks its source for more after its end.
type twice struct{ ports.Blobs }

func (twice) Create(_ context.Context, _, _ string, r io.Reader) (ports.Info, error) {
	for range 2 {
		_, _ = io.ReadAll(r)
	}
	return ports.Info{}, nil
}

// late returns before it has read its source, and reads it then.
type late struct{ ports.Blobs }

func (late) Create(ctx context.Context, _, _ string, r io.Reader) (ports.Info, error) {
	done, _ := ctx.Value(late{}).(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.ReadAll(r)
	}()
	return ports.Info{}, nil
}
