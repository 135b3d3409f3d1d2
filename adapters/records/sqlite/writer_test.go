package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
)

// crowded has all wishes wait while another process holds the lock, so that they
// share a transaction, and returns their errors.
func crowded(t *testing.T, wishes ...func(gen.Querier, time.Time) error) []error {
	t.Helper()
	path := newFile(t)
	return crowdedOn(t, file(t, path), file(t, path), wishes...)
}

func crowdedOn(t *testing.T, db, other *opened, wishes ...func(gen.Querier, time.Time) error) []error {
	t.Helper()
	hold, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, len(wishes))
	var wg sync.WaitGroup
	for i, wish := range wishes {
		wg.Go(func() { errs[i] = db.Write(t.Context(), wish) })
	}
	time.Sleep(100 * time.Millisecond) // all have come
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	t.Cleanup(func() { kept(t, db, errs) })
	return errs
}

// wish writes a sweep that is known by its number.
func wish(i int) func(gen.Querier, time.Time) error {
	return func(q gen.Querier, now time.Time) error {
		_, err := q.PlanSweep(context.Background(), gen.PlanSweepParams{ID: core.ID(fmt.Sprint(i)), BlobKey: fmt.Sprint("o/", i), NotBefore: now})
		return err
	}
}

// kept checks that exactly what was answered with success is there.
func kept(t *testing.T, db *opened, errs []error) {
	t.Helper()
	for i, err := range errs {
		var n int
		if e := db.reader.QueryRowContext(context.Background(), "SELECT count(*) FROM sweep_tasks WHERE id = ?", fmt.Sprint(i)).Scan(&n); e != nil {
			t.Error(e)
			return
		}
		if want := map[bool]int{true: 1, false: 0}[err == nil]; n != want {
			t.Errorf("write %d was answered %v, and %d rows of it are there, want %d", i, err, n, want)
		}
	}
}

func TestOfWritesThatShareACommitOneMayFail(t *testing.T) {
	broken := errors.New("it changed its mind")
	errs := crowded(t, wish(0), wish(1), func(q gen.Querier, now time.Time) error {
		return errors.Join(wish(2)(q, now), broken)
	}, wish(3), wish(4))
	for i, err := range errs {
		if (i == 2) != errors.Is(err, broken) {
			t.Errorf("write %d = %v", i, err)
		}
	}
}

func TestAPanicIsTheErrorOfItsOwnWrite(t *testing.T) {
	errs := crowded(t, wish(0), func(gen.Querier, time.Time) error { panic("bang") }, wish(2))
	if errs[0] != nil || errs[2] != nil || errs[1] == nil || !strings.Contains(errs[1].Error(), "bang") {
		t.Errorf("the writes beside a panic = %v", errs)
	}
}

// SQLite ends a whole transaction for some failures. The others are carried out
// again, each by itself.
func TestWhatAnotherWriteHasUndoneIsDoneAgain(t *testing.T) {
	path := newFile(t)
	db, other := file(t, path), file(t, path)
	undo := func(q gen.Querier, now time.Time) error {
		return errors.Join(wish(3)(q, now), db.engine.writer.exec("ROLLBACK"), sqlite3.FULL)
	}
	errs := crowdedOn(t, db, other, wish(0), wish(1), wish(2), undo, wish(4))
	for i, err := range errs {
		if (i == 3) != (err != nil) {
			t.Errorf("write %d = %v", i, err)
		}
	}
	if !errors.Is(errs[3], sqlite3.FULL) {
		t.Errorf("the write that ended the transaction = %v, want its own reason", errs[3])
	}
}

func TestWhoeverWaitsToWriteMayLeave(t *testing.T) {
	path := newFile(t)
	db, other := file(t, path), file(t, path)
	hold, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	left := db.Write(ctx, wish(0))
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	kept(t, db, []error{left, db.Write(t.Context(), wish(1))})
	if !errors.Is(left, context.DeadlineExceeded) {
		t.Errorf("a write whose context ended = %v", left)
	}
}

func TestAClosedDatabaseIsSaidToBe(t *testing.T) {
	db, err := Open(t.Context(), newFile(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), wish(0)); !errors.Is(err, errClosed) {
		t.Errorf("a write to a closed database = %v", err)
	}
}
