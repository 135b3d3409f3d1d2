package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"imgd/adapters/records"
	"imgd/core"
)

func TestExplain(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithDeadline(t.Context(), time.Now())
	defer stop()
	own := core.LeaseLost.Errorf("it is lost")
	for name, c := range map[string]struct {
		ctx  context.Context //nolint:containedctx // one a case
		err  error
		kind core.Kind
		is   error
	}{
		"nothing":           {ended, nil, "", nil},
		"our own":           {t.Context(), fmt.Errorf("inside: %w", own), core.Conflict, own},
		"a cancellation":    {ended, sqlite3.INTERRUPT, core.Internal, context.Canceled},
		"a deadline":        {late, sqlite3.BUSY, core.Internal, context.DeadlineExceeded},
		"no row":            {t.Context(), sql.ErrNoRows, core.NotFound, sql.ErrNoRows},
		"a constraint":      {t.Context(), sqlite3.CONSTRAINT_UNIQUE, core.Conflict, sqlite3.CONSTRAINT_UNIQUE},
		"another's lock":    {t.Context(), sqlite3.BUSY_SNAPSHOT, core.Unavailable, sqlite3.BUSY},
		"our own lock":      {t.Context(), sqlite3.LOCKED, core.Unavailable, sqlite3.LOCKED},
		"a full disk":       {t.Context(), sqlite3.FULL, core.Full, sqlite3.FULL},
		"a broken disk":     {t.Context(), sqlite3.IOERR_SHMSIZE, core.Unavailable, sqlite3.IOERR},
		"a broken database": {t.Context(), sqlite3.CORRUPT, core.Internal, sqlite3.CORRUPT},
	} {
		t.Run(name, func(t *testing.T) {
			got := explain(c.ctx, c.err)
			if core.KindOf(got) != c.kind || !errors.Is(got, c.is) {
				t.Errorf("explain(%v) = %v of kind %q, want kind %q because of %v", c.err, got, core.KindOf(got), c.kind, c.is)
			}
		})
	}
}

func TestAFullDiskIsFullAndKeepsWhatWasThere(t *testing.T) {
	db := fresh(t)
	kept := admit(t, db)
	var pages int
	if err := db.conn.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	limit := func(n int) {
		if _, err := db.conn.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	limit(pages + 3)
	var last core.ID
	err := error(nil)
	for range 200 {
		a := admission()
		if err = (records.Images{DB: db.DB}).Admit(t.Context(), a); err != nil {
			last = a.Image.ID
			break
		}
	}
	if core.KindOf(err) != core.Full || core.SlugOf(err) != core.InsufficientStorage {
		t.Fatalf("Admit into a full database = %v, want insufficient-storage", err)
	}
	if _, err := (records.Images{DB: db.DB}).Image(t.Context(), "acme", last); core.KindOf(err) != core.NotFound {
		t.Errorf("what found no room is there: %v", err)
	}
	if _, err := (records.Images{DB: db.DB}).Image(t.Context(), "acme", kept.Image.ID); err != nil {
		t.Errorf("what was there is not: %v", err)
	}
	limit(pages + 10_000)
	admit(t, db)
}

func TestAContextThatEndsIsTheErrorItself(t *testing.T) {
	path := newFile(t)
	db, other := file(t, path), file(t, path)
	hold, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Rollback() //nolint:errcheck // it is only held
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := (records.Images{DB: db.DB}).Admit(ctx, admission()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Admit while another process writes = %v, want the deadline's own error", err)
	}
}

func TestAWriterThatWaitsTooLongIsUnavailable(t *testing.T) {
	path := newFile(t)
	db, other := file(t, path), file(t, path)
	if _, err := db.conn.ExecContext(t.Context(), "PRAGMA busy_timeout = 20"); err != nil {
		t.Fatal(err)
	}
	hold, err := other.writer.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	a := admission()
	err = records.Images{DB: db.DB}.Admit(t.Context(), a)
	if core.KindOf(err) != core.Unavailable || core.RetryAfter(err) <= 0 {
		t.Errorf("Admit while another process writes = %v, want Unavailable and when to try again", err)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := (records.Images{DB: db.DB}).Admit(t.Context(), a); err != nil {
		t.Errorf("the same Admit afterwards = %v", err)
	}
}

func TestAConstraintIsAConflict(t *testing.T) {
	db := fresh(t)
	a := admission()
	a.Image.Tenant = ""
	if err := (records.Images{DB: db.DB}).Admit(t.Context(), a); core.KindOf(err) != core.Conflict || !errors.Is(err, sqlite3.CONSTRAINT_CHECK) {
		t.Errorf("Admit without a tenant = %v, want a Conflict because of the CHECK", err)
	}
}
