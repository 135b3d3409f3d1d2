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
	pool    *sql.DB // connections that may write: the writer's, and one for SQL
	writer  *writer
	reader  *sql.DB
	reading *statements
	path    string
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
	db := &DB{path: path}
	if db.pool, err = sql.Open("sqlite3", dsn(path, "journal_mode(wal)", "synchronous(full)", "foreign_keys(on)", "wal_autocheckpoint(8192)")); err != nil {
		return nil, err
	}
	if db.reader, err = sql.Open("sqlite3", dsn(path, "query_only(on)")); err != nil {
		return nil, errors.Join(err, db.pool.Close())
	}
	db.reading = &statements{db: db.reader}
	db.pool.SetMaxOpenConns(2)
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
	q := url.Values{"vfs": {system}, "_timefmt": {"unixepoch_micro"}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// check opens the writer first: it makes the file and its journal.
func (db *DB) check(ctx context.Context) error {
	var mode string
	if err := db.pool.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
		return explain(ctx, err)
	}
	if mode != "wal" {
		return fmt.Errorf("this file system does not support a write-ahead log (journal mode %s); choose a local one", mode)
	}
	if err := db.reader.PingContext(ctx); err != nil {
		return explain(ctx, err)
	}
	w, err := newWriter(ctx, db.pool)
	db.writer = w
	return explain(ctx, err)
}

// SQL is a connection that may write, for migrations and backups.
func (db *DB) SQL() *sql.DB { return db.pool }

// Close waits for what is under way and closes the file.
func (db *DB) Close() error {
	var err error
	if db.writer != nil {
		err = db.writer.close()
	}
	return errors.Join(err, db.reading.close(), db.reader.Close(), db.pool.Close())
}

// Overlap is nothing: there is one writer, and it knows the time when it has the lock.
func (db *DB) Overlap() time.Duration { return 0 }

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

// Alone is Write: there is one writer.
func (db *DB) Alone(ctx context.Context, fn func(gen.Querier) error) error {
	return db.writer.do(ctx, func(q gen.Querier, _ time.Time) error { return fn(q) })
}

// Write commits all of fn or nothing. It has the only write lock from its first
// moment, so that what it reads stays true until it commits. Writes that come at
// once share a commit: one that fails leaves the others alone.
func (db *DB) Write(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	return db.writer.do(ctx, fn)
}
