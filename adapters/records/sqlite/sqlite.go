// Package sqlite is the engine of records in one SQLite file, for the processes of
// one host.
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

	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"imgd/adapters/records"
	"imgd/adapters/records/internal/gen"
	"imgd/adapters/records/internal/lite"
)

// DB is an open database file.
type DB struct {
	// SQLite has one writer at a time. One connection that waits its turn in Go is
	// fairer than many that poll for the file's lock.
	writer *sql.DB
	reader *sql.DB

	writing, reading *statements
}

var _ records.Engine = (*DB)(nil)

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
	db := &DB{}
	if db.writer, err = sql.Open("sqlite3", dsn(path, "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)")); err != nil {
		return nil, err
	}
	if db.reader, err = sql.Open("sqlite3", dsn(path, "query_only(on)")); err != nil {
		return nil, errors.Join(err, db.writer.Close())
	}
	db.writing, db.reading = &statements{db: db.writer}, &statements{db: db.reader}
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

// SQL is the connection that may write, for migrations and backups.
func (db *DB) SQL() *sql.DB { return db.writer }

// Close waits for what is under way and closes the file.
func (db *DB) Close() error {
	return errors.Join(db.writing.close(), db.reading.close(), db.reader.Close(), db.writer.Close())
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return explain(ctx, db.reader.PingContext(ctx)) }

// Read gives fn one unchanging view of the database.
func (db *DB) Read(ctx context.Context, fn func(gen.Querier) error) error {
	db.reading.prepare(ctx)
	t, err := db.reader.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return explain(ctx, err)
	}
	defer t.Rollback() //nolint:errcheck // nothing was written
	return explain(ctx, fn(lite.New(within{t, db.reading})))
}

// Write commits all of fn or nothing. It holds the only write lock from its first
// moment, so that what it reads stays true until it commits. The driver rolls back
// even when the context has ended.
func (db *DB) Write(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	db.writing.prepare(ctx)
	t, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return explain(ctx, err)
	}
	defer t.Rollback() //nolint:errcheck // after a commit there is nothing left to do
	in := within{t, db.writing}
	var now int64
	if err := in.QueryRowContext(ctx, "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)").Scan(&now); err != nil {
		return explain(ctx, err)
	}
	if err := fn(lite.New(in), time.UnixMicro(now).UTC()); err != nil {
		return explain(ctx, err)
	}
	return explain(ctx, t.Commit())
}
