package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// opened is a database with its two handles in the open.
type opened struct {
	*records.DB
	engine         *DB
	writer, reader *sql.DB
	conn           *sql.Conn // the one that writes
}

// file opens the database at path.
func file(t testing.TB, path string) *opened {
	t.Helper()
	db, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return &opened{records.New(db), db, db.pool, db.reader, db.writer.conn}
}

// migrated is an empty database with its schema, made once for all tests.
var migrated = sync.OnceValues(func() (text []byte, err error) {
	dir, err := os.MkdirTemp("", "imgd-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the tests
	path := filepath.Join(dir, "imgd.db")
	db, err := Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	_, err = migrate.Up(context.Background(), migrate.SQLite, db.SQL())
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path) // #nosec G304 -- the test's own
})

// fresh is an empty database of the test's own.
func fresh(t testing.TB) *opened {
	t.Helper()
	return file(t, newFile(t))
}

// newFile makes an empty database and returns its path.
func newFile(t testing.TB) string {
	t.Helper()
	text, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "imgd.db")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// store is db as the suites see it.
func store(db *opened) *portstest.Store {
	// touch sets one column of a job in the given state to its value.
	touch := func(ctx context.Context, set string, id core.ID, state core.JobState) error {
		got, err := db.writer.ExecContext(ctx, "UPDATE jobs SET "+set+" WHERE id = ? AND state = ?", id, state)
		if err != nil {
			return err
		}
		if n, err := got.RowsAffected(); n != 1 {
			return fmt.Errorf("%d jobs %s are %s: %w", n, id, state, err)
		}
		return nil
	}
	return &portstest.Store{
		Images: records.Images{DB: db.DB}, Control: records.JobControl{DB: db.DB}, Jobs: records.Jobs{DB: db.DB}, Answers: records.Idempotency{DB: db.DB}, Events: records.Events{DB: db.DB},
		House: records.Housekeeping{DB: db.DB}, Stats: records.Stats{DB: db.DB}, Backlog: records.Backlog{DB: db.DB}, Workers: records.Workers{DB: db.DB}, Tenants: records.Images{DB: db.DB}, Tombstones: records.Images{DB: db.DB},
		Expire: func(ctx context.Context, id core.ID) error { return touch(ctx, "lease_until = 1", id, core.JobRunning) },
		MakeDue: func(ctx context.Context, id core.ID) error {
			return touch(ctx, "run_at = CAST(unixepoch('subsec') * 1000000 AS INTEGER)", id, core.JobQueued)
		},
		Plan: func(ctx context.Context, keys ...string) error {
			for _, key := range keys {
				if _, err := db.writer.ExecContext(ctx, "INSERT INTO sweep_tasks (id, blob_key, not_before) VALUES (?, ?, 0)", db.NewID(), key); err != nil {
					return err
				}
			}
			return nil
		},
		Quotas: func(of func(string) core.Quota, hold time.Duration) ports.Quotas {
			return records.Quotas{DB: db.DB, Of: of, For: hold}
		},
		RunOut: func(ctx context.Context, id core.ID) error {
			_, err := db.writer.ExecContext(ctx, "UPDATE reservations SET expires_at = 1 WHERE id = ?", id)
			return err
		},
		Spoil: func(ctx context.Context, tenant string) error {
			_, err := db.writer.ExecContext(ctx, "UPDATE usage SET images = images + 7, bytes = 1 WHERE tenant = ?", tenant)
			return err
		},
		Traces: func(ctx context.Context, id core.ID) (left string, err error) {
			err = db.writer.QueryRowContext(ctx, portstest.Traces, id).Scan(&left)
			return left, err
		},
	}
}

func open(t *testing.T) *portstest.Store { t.Helper(); return store(fresh(t)) }

func TestImages(t *testing.T)       { portstest.Images(t, open) }
func TestJobs(t *testing.T)         { portstest.Jobs(t, open) }
func TestEvents(t *testing.T)       { portstest.Events(t, open) }
func TestIdempotency(t *testing.T)  { portstest.Idempotency(t, open) }
func TestHousekeeping(t *testing.T) { portstest.Housekeeping(t, open) }
func TestQuotas(t *testing.T)       { portstest.Quotas(t, open) }
func TestWorkers(t *testing.T)      { portstest.Workers(t, open) }
func TestBacklog(t *testing.T)      { portstest.Backlog(t, open) }
func TestJobMachine(t *testing.T)   { portstest.JobMachine(t, open) }
