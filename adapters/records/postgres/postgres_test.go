package postgres_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/adapters/records/postgres"
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
	"imgd/ports/portstest"
	"imgd/schema"
)

// fresh is an empty database with its schema.
func fresh(t testing.TB) *records.DB {
	t.Helper()
	return open(t, newDatabase(t))
}

func open(t testing.TB, url string) *records.DB { t.Helper(); return patient(t, url, 0) }

// patient is open with a time of its own for transactions; 0 is the default.
func patient(t testing.TB, url string, timeout time.Duration) *records.DB {
	t.Helper()
	engine, err := postgres.Open(t.Context(), postgres.Config{URL: url, Unsafe: true, Timeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Errorf("Close = %v", err)
		}
	})
	return records.New(engine)
}

// pattern is an empty database in the desired state.
var pattern = &rig.Pattern{Fill: fill}

// newDatabase returns the address of a copy of the pattern.
func newDatabase(t testing.TB) string { t.Helper(); return pattern.Postgres(t) }

// migrated brings a database to the desired state.
func migrated(t testing.TB, url string) {
	t.Helper()
	if err := fill(url); err != nil {
		t.Fatal(err)
	}
}

func fill(url string) error {
	desired, err := schema.Desired("postgres")
	if err != nil {
		return err
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), desired)
	return errors.Join(err, db.Close())
}

// store is db as the suites see it.
func store(db *records.DB) *portstest.Store {
	touch := func(ctx context.Context, set string, id core.ID, state core.JobState) error {
		got, err := db.SQL().ExecContext(ctx, "UPDATE jobs SET "+set+" WHERE id = $1 AND state = $2", id, string(state))
		if err != nil {
			return err
		}
		if n, err := got.RowsAffected(); n != 1 {
			return fmt.Errorf("%d jobs %s are %s: %w", n, id, state, err)
		}
		return nil
	}
	return &portstest.Store{
		Images: records.Images{DB: db}, Control: records.JobControl{DB: db}, Jobs: records.Jobs{DB: db}, Answers: records.Idempotency{DB: db},
		Events: records.Events{DB: db}, House: records.Housekeeping{DB: db}, Stats: records.Stats{DB: db}, Backlog: records.Backlog{DB: db}, Workers: records.Workers{DB: db}, Tenants: records.Images{DB: db},
		Expire: func(ctx context.Context, id core.ID) error {
			return touch(ctx, "lease_until = to_timestamp(0)", id, core.JobRunning)
		},
		MakeDue: func(ctx context.Context, id core.ID) error {
			return touch(ctx, "run_at = clock_timestamp()", id, core.JobQueued)
		},
		Plan: func(ctx context.Context, keys ...string) error {
			for _, key := range keys {
				if _, err := db.SQL().ExecContext(ctx, "INSERT INTO sweep_tasks (id, blob_key, not_before) VALUES ($1, $2, to_timestamp(0))", db.NewID(), key); err != nil {
					return err
				}
			}
			return nil
		},
		Quotas: func(of func(string) core.Quota, hold time.Duration) ports.Quotas {
			return records.Quotas{DB: db, Of: of, For: hold}
		},
		RunOut: func(ctx context.Context, id core.ID) error {
			_, err := db.SQL().ExecContext(ctx, "UPDATE reservations SET expires_at = to_timestamp(0) WHERE id = $1", id)
			return err
		},
		Spoil: func(ctx context.Context, tenant string) error {
			_, err := db.SQL().ExecContext(ctx, "UPDATE usage SET images = images + 7, bytes = 1 WHERE tenant = $1", tenant)
			return err
		},
		Traces: func(ctx context.Context, id core.ID) (left string, err error) {
			err = db.SQL().QueryRowContext(ctx, portstest.Traces, id).Scan(&left)
			return left, err
		},
	}
}

func direct(t *testing.T) *portstest.Store { t.Helper(); return store(fresh(t)) }

func TestImages(t *testing.T)       { portstest.Images(t, direct) }
func TestJobs(t *testing.T)         { portstest.Jobs(t, direct) }
func TestEvents(t *testing.T)       { portstest.Events(t, direct) }
func TestIdempotency(t *testing.T)  { portstest.Idempotency(t, direct) }
func TestHousekeeping(t *testing.T) { portstest.Housekeeping(t, direct) }
func TestQuotas(t *testing.T)       { portstest.Quotas(t, direct) }
func TestWorkers(t *testing.T)      { portstest.Workers(t, direct) }
func TestBacklog(t *testing.T)      { portstest.Backlog(t, direct) }
func TestJobMachine(t *testing.T)   { portstest.JobMachine(t, direct) }
