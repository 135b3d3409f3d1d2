// Package sqlite keeps the service's records in one SQLite file, for the processes
// of one host.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/google/uuid"
	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"imgd/adapters/sqlite/internal/gen"
	"imgd/core"
)

// DB is an open database. The adapters of this package share it:
// sqlite.Images{DB: db}, sqlite.Jobs{DB: db} and so on.
type DB struct {
	// NewID names what this package makes itself: events and sweeps.
	NewID func() core.ID

	// SQLite has one writer at a time. One connection that waits its turn in Go is
	// fairer than many that poll for the file's lock.
	writer *sql.DB
	reader *sql.DB
}

// Open opens or creates the database file at path, in a folder that is made when
// it is missing. The schema is the migrator's.
func Open(ctx context.Context, path string) (*DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return nil, fmt.Errorf("the database's folder: %w", err)
	}
	if err := refuseNetwork(folder); err != nil {
		return nil, err
	}
	db := &DB{NewID: func() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }}
	if db.writer, err = sql.Open("sqlite3", dsn(path, "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)")); err != nil {
		return nil, err
	}
	if db.reader, err = sql.Open("sqlite3", dsn(path, "query_only(on)")); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.writer.SetMaxOpenConns(1)
	db.reader.SetMaxOpenConns(max(4, runtime.NumCPU()))
	db.reader.SetMaxIdleConns(max(4, runtime.NumCPU()))
	if err := db.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return db, nil
}

// dsn begins with the busy timeout: what comes before it does not wait. Times are
// integers, because text with and without fractions compares wrongly.
func dsn(path string, pragmas ...string) string {
	q := url.Values{"_timefmt": {"unixepoch_micro"}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check opens the writer first: it makes the file and its journal.
func (db *DB) check(ctx context.Context) error {
	var mode string
	if err := db.writer.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return explain(ctx, err)
	}
	if mode != "wal" {
		return fmt.Errorf("this file system does not support a write-ahead log (journal mode %s); choose a local one", mode)
	}
	return explain(ctx, db.reader.PingContext(ctx))
}

// Writer is the connection that may write, for migrations and backups.
func (db *DB) Writer() *sql.DB { return db.writer }

// Close waits for what is under way and closes the file.
func (db *DB) Close() error { return errors.Join(db.reader.Close(), db.writer.Close()) }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return explain(ctx, db.reader.PingContext(ctx)) }

// read gives fn one unchanging view of the database.
func (db *DB) read(ctx context.Context, fn func(*gen.Queries) error) error {
	t, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return explain(ctx, err)
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return explain(ctx, fn(gen.New(t)))
}

// tx is one writing transaction. It holds the only write lock from its first
// moment, so that what it reads stays true until it commits.
type tx struct {
	*gen.Queries
	db  *DB
	now time.Time // the database's, when the transaction began
}

// write commits all of fn or nothing. The driver rolls back even when the context
// has ended.
func (db *DB) write(ctx context.Context, fn func(tx) error) error {
	t, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return explain(ctx, err)
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing left to do
	q := gen.New(t)
	now, err := q.Clock(ctx)
	if err != nil {
		return explain(ctx, err)
	}
	if err := fn(tx{q, db, time.UnixMicro(now).UTC()}); err != nil {
		return explain(ctx, err)
	}
	return explain(ctx, t.Commit())
}
