package ingest_test

import (
	"context"
	"io"
	"testing"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// busy is a store that answers a Create with its error, and counts what it is to forget.
type busy struct {
	ports.Blobs
	err     error
	deletes int
}

func (b *busy) Create(_ context.Context, _, _ string, r io.Reader) (ports.Info, error) {
	_, _ = io.Copy(io.Discard, r)
	return ports.Info{}, b.err
}

func (b *busy) Delete(ctx context.Context, key string) error {
	b.deletes++
	return b.Blobs.Delete(ctx, key)
}

// A store that has too much to do is not asked to forget what it was never asked to keep.
func TestWhatTheStoreWasNotAskedToKeepItNeedNotForget(t *testing.T) {
	away := core.Unavailable.Errorf("the store is busy")
	for err, want := range map[error]int{away.Because(ports.ErrNotAsked): 0, away: 1} {
		h := house.New(t)
		store := &busy{Blobs: h.Ingest.Blobs, err: err}
		h.Ingest.Blobs = store
		if _, got := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(4000, 3000, ""), ingest.Fields{})); core.KindOf(got) != core.Unavailable {
			t.Fatalf("Accept = %v, want Unavailable", got)
		}
		if store.deletes != want {
			t.Errorf("after %v the store is asked %d times to forget, want %d", err, store.deletes, want)
		}
	}
}
