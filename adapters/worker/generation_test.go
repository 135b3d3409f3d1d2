package worker_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/worker"
	"imgd/core"
	"imgd/e2e/house"
	"imgd/ports"
)

func meeting(h *house.House) worker.Meeting {
	return worker.Meeting{Rows: h.House, Blobs: h.Disk, NewID: house.NewID}
}

// named lists the generations that the store names.
func named(t *testing.T, h *house.House) (names []string) {
	t.Helper()
	for _, key := range h.Keys(t) {
		if name, ok := strings.CutPrefix(key, "generation/"); ok {
			names = append(names, name)
		}
	}
	return names
}

func generation(t *testing.T, h *house.House) ports.Generation {
	t.Helper()
	g, _, err := h.House.Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func advance(t *testing.T, h *house.House) {
	t.Helper()
	if err := meeting(h).Advance(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// restore puts the row back to what it was.
func restore(t *testing.T, h *house.House, g ports.Generation) {
	t.Helper()
	if ok, err := h.House.Meet(t.Context(), generation(t, h), g); !ok || err != nil {
		t.Fatalf("Meet = %v, %v", ok, err)
	}
}

func TestADatabaseAndAStoreMeetAndEveryScanBeginsAGeneration(t *testing.T) {
	h := house.New(t)
	if err := meeting(h).Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := generation(t, h)
	if names := named(t, h); !slices.Equal(names, []string{first.Current}) {
		t.Errorf("after they met the store names %q, and the row %q", names, first.Current)
	}
	for range 3 {
		was := generation(t, h)
		advance(t, h)
		is := generation(t, h)
		if is.Previous != was.Current || is.Current == was.Current {
			t.Errorf("after %+v comes %+v, want a new one that knows the old", was, is)
		}
		if names := named(t, h); !slices.Equal(names, []string{is.Current}) {
			t.Errorf("the store names %q, want %q alone", names, is.Current)
		}
	}
	was := generation(t, h)
	during(t, keeper(h, time.Hour).Run, func() bool { return generation(t, h) != was })
}

// fuse fails everything that writes after so many writes.
type fuse struct {
	ports.Blobs
	ports.Housekeeping
	left int
}

var errFuse = errors.New("the power is gone")

func (f *fuse) burn() error {
	if f.left--; f.left < 0 {
		return errFuse
	}
	return nil
}

func (f *fuse) Create(ctx context.Context, key, media string, r io.Reader) (ports.Info, error) {
	if err := f.burn(); err != nil {
		return ports.Info{}, err
	}
	return f.Blobs.Create(ctx, key, media, r)
}

func (f *fuse) Delete(ctx context.Context, key string) error {
	if err := f.burn(); err != nil {
		return err
	}
	return f.Blobs.Delete(ctx, key)
}

func (f *fuse) Meet(ctx context.Context, was, is ports.Generation) (bool, error) {
	if err := f.burn(); err != nil {
		return false, err
	}
	return f.Housekeeping.Meet(ctx, was, is)
}

func TestACrashBetweenTwoStepsIsCompleted(t *testing.T) {
	for name, step := range map[string]func(worker.Meeting, context.Context) error{
		"the first meeting": worker.Meeting.Ensure, "the next": worker.Meeting.Advance, "an accepted one": worker.Meeting.Accept,
	} {
		crashes := 0
		for writes := range 10 {
			h := house.New(t)
			if name != "the first meeting" {
				advance(t, h)
			}
			f := &fuse{Blobs: h.Disk, Housekeeping: h.House, left: writes}
			err := step(worker.Meeting{Rows: f, Blobs: f, NewID: house.NewID}, t.Context())
			if err == nil {
				break
			}
			if !errors.Is(err, errFuse) {
				t.Fatalf("%s, after %d writes = %v", name, writes, err)
			}
			crashes++
			if name == "an accepted one" && core.KindOf(meeting(h).Ensure(t.Context())) == core.Conflict {
				if err := meeting(h).Accept(t.Context()); err != nil { // the operator says it again
					t.Fatal(err)
				}
			}
			if err := meeting(h).Ensure(t.Context()); err != nil {
				t.Errorf("%s: Ensure after a crash after %d writes = %v", name, writes, err)
			}
			if g, names := generation(t, h), named(t, h); !slices.Equal(names, []string{g.Current}) || g.Previous == "" {
				t.Errorf("%s: after a crash after %d writes the store names %q, and the row is %+v", name, writes, names, g)
			}
		}
		if crashes < 3 {
			t.Errorf("%s has crashed in %d places, want 3 or more", name, crashes)
		}
	}
}

// frozen stops in the middle of creating, until it is thawed.
type frozen struct {
	ports.Blobs
	there, thaw chan struct{}
	once        atomic.Bool
}

func (f *frozen) Create(ctx context.Context, key, media string, r io.Reader) (ports.Info, error) {
	if f.once.CompareAndSwap(false, true) {
		close(f.there)
		<-f.thaw
	}
	return f.Blobs.Create(ctx, key, media, r)
}

func TestALeaderThatWakesUpLateDoesNoHarm(t *testing.T) {
	for others := range 4 {
		h := house.New(t)
		advance(t, h)
		f := &frozen{Blobs: h.Disk, there: make(chan struct{}), thaw: make(chan struct{})}
		done := make(chan error)
		go func() {
			done <- worker.Meeting{Rows: h.House, Blobs: f, NewID: house.NewID}.Advance(context.WithoutCancel(t.Context()))
		}()
		<-f.there
		for range others {
			advance(t, h)
		}
		close(f.thaw)
		if err := <-done; err != nil {
			t.Errorf("after %d generations of somebody else the late one = %v", others, err)
		}
		if err := meeting(h).Ensure(t.Context()); err != nil {
			t.Errorf("Ensure after a late leader and %d generations = %v", others, err)
		}
		if g, names := generation(t, h), named(t, h); !slices.Equal(names, []string{g.Current}) {
			t.Errorf("the store names %q, want %q alone", names, g.Current)
		}
	}
}

func TestARestoredDatabaseSweepsNothingUntilSomebodyHasAccepted(t *testing.T) {
	h := house.New(t)
	advance(t, h)
	old := generation(t, h)
	a := h.Accept(t, "")
	if err := h.Process.Next(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	advance(t, h)
	restore(t, h, old)
	orphan := core.Image{ID: house.NewID()}.OriginalKey()
	if _, err := h.Disk.Create(t.Context(), orphan, "", strings.NewReader("x")); err != nil {
		t.Fatal(err)
	}
	if err := h.Library.Delete(t.Context(), house.Ann(), "", a.Record.Image.ID, true); err != nil {
		t.Fatal(err)
	}
	k := keeper(h, -time.Hour)
	said := &lines{}
	k.Log = slog.New(slog.NewTextHandler(said, nil))
	during(t, k.Run, func() bool { return k.Apart() != nil })
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	k.Run(ctx)
	if n := len(objects(t, h)); n != 6 {
		t.Errorf("%d objects are left, want all 6 until somebody has looked", n)
	}
	if n := strings.Count(said.String(), "restored from a backup"); n != 1 || !strings.Contains(said.String(), "imgd doctor --accept") {
		t.Errorf("it is told %d times what happened, want once with what to do:\n%s", n, said)
	}
	if err := meeting(h).Accept(t.Context()); err != nil {
		t.Fatal(err)
	}
	during(t, k.Run, func() bool { return len(objects(t, h)) == 0 && k.Apart() == nil })
}

func TestStrangersDoNotMeet(t *testing.T) {
	for name, part := range map[string]func(t *testing.T, h *house.House){
		"a database that is restored from before the first meeting": func(t *testing.T, h *house.House) {
			if _, err := h.DB.SQL().ExecContext(t.Context(), "DELETE FROM generations"); err != nil {
				t.Fatal(err)
			}
		},
		"another store": func(t *testing.T, h *house.House) {
			if err := h.Disk.Delete(t.Context(), "generation/"); err != nil {
				t.Fatal(err)
			}
		},
		"the store of another database": func(t *testing.T, h *house.House) {
			other := house.New(t)
			advance(t, other)
			for _, name := range named(t, other) {
				if _, err := h.Disk.Create(t.Context(), "generation/"+name, "", strings.NewReader("")); err != nil {
					t.Fatal(err)
				}
			}
		},
		"the older store of another database": func(t *testing.T, h *house.House) {
			advance(t, h)
			if err := h.Disk.Delete(t.Context(), "generation/"); err != nil {
				t.Fatal(err)
			}
			if _, err := h.Disk.Create(t.Context(), "generation/0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e", "", strings.NewReader("")); err != nil {
				t.Fatal(err)
			}
		},
	} {
		h := house.New(t)
		advance(t, h)
		part(t, h)
		was := named(t, h)
		for _, step := range []func(worker.Meeting, context.Context) error{worker.Meeting.Ensure, worker.Meeting.Advance} {
			if err := step(meeting(h), t.Context()); core.KindOf(err) != core.Conflict {
				t.Errorf("%s: %v, want a Conflict", name, err)
			}
		}
		if names := named(t, h); !slices.Equal(names, was) {
			t.Errorf("%s: the store names %q after it, want it left as it was: %q", name, names, was)
		}
		if err := meeting(h).Accept(t.Context()); err != nil {
			t.Errorf("%s: Accept = %v", name, err)
		}
		if err := meeting(h).Ensure(t.Context()); err != nil {
			t.Errorf("%s: Ensure after it was accepted = %v", name, err)
		}
	}
}

// lines collects a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
