// Package migrate brings a database's schema to the state this build needs:
// versioned files, planned and executed by the Atlas library, embedded in the
// binary. The table of what was applied, and the lock, are our own.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"

	"imgd/schema"
)

// Engine is a kind of database. Its value is the folder of its files in schema/.
type Engine string

// The engines.
const (
	SQLite   Engine = "sqlite"
	Postgres Engine = "postgres"
)

func (e Engine) driver(q atlas.ExecQuerier) (migrate.Driver, error) {
	if e == Postgres {
		return postgres.Open(q)
	}
	return sqlite.Open(q)
}

// State is what a database has and lacks.
type State struct {
	Applied []string // versions, the oldest first
	Pending []string // files
}

// Up applies what is pending, each file in a transaction of its own, and returns
// the names of the files. A file that fails leaves nothing. Of processes that do
// this at once one applies and the others find nothing to do.
func Up(ctx context.Context, e Engine, db *sql.DB) (applied []string, err error) {
	dir, err := embedded(e)
	if err != nil {
		return nil, err
	}
	return up(ctx, e, db, dir)
}

// Status tells what was applied and what is pending, and changes nothing.
func Status(ctx context.Context, e Engine, db *sql.DB) (State, error) {
	dir, err := embedded(e)
	if err != nil {
		return State{}, err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return State{}, err
	}
	defer tx.Rollback() //nolint:errcheck // that is the point: nothing is changed
	return status(ctx, e, tx, dir)
}

func status(ctx context.Context, e Engine, tx *sql.Tx, dir migrate.Dir) (s State, err error) {
	r := revisions{tx, e}
	if err := r.init(ctx); err != nil {
		return s, err
	}
	done, err := r.ReadRevisions(ctx)
	if err != nil {
		return s, err
	}
	for _, d := range done {
		s.Applied = append(s.Applied, d.Version)
	}
	files, err := pending(ctx, e, tx, dir)
	for _, f := range files {
		s.Pending = append(s.Pending, f.Name())
	}
	return s, err
}

// pending are the files that were not applied, none when all were.
func pending(ctx context.Context, e Engine, tx *sql.Tx, dir migrate.Dir) ([]migrate.File, error) {
	x, err := executor(e, tx, dir)
	if err != nil {
		return nil, err
	}
	files, err := x.Pending(ctx)
	if errors.Is(err, migrate.ErrNoPendingFiles) {
		return nil, nil
	}
	return files, err
}

func executor(e Engine, tx *sql.Tx, dir migrate.Dir) (*migrate.Executor, error) {
	drv, err := e.driver(tx)
	if err != nil {
		return nil, err
	}
	return migrate.NewExecutor(drv, dir, revisions{tx, e}, migrate.WithOperatorVersion("imgd"))
}

func up(ctx context.Context, e Engine, db *sql.DB, dir migrate.Dir) (applied []string, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // it goes back to its pool
	if e == SQLite {
		// A table that is rebuilt is dropped, which would delete what refers to it;
		// and the switch does nothing inside a transaction.
		if _, err := conn.ExecContext(ctx, "PRAGMA foreign_keys = off"); err != nil {
			return nil, err
		}
		defer func() {
			_, on := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA foreign_keys = on")
			err = errors.Join(err, on)
		}()
	}
	for {
		name, err := next(ctx, e, conn, dir)
		if err != nil || name == "" {
			return applied, err
		}
		applied = append(applied, name)
	}
}

// next applies the first pending file and returns its name, empty when there is
// none. What is pending is read under the lock.
func next(ctx context.Context, e Engine, conn *sql.Conn, dir migrate.Dir) (string, error) {
	tx, err := conn.BeginTx(ctx, nil) // SQLite: BEGIN IMMEDIATE, which is the lock
	if err != nil {
		return "", err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to do
	if e == Postgres {
		if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock(7239)"); err != nil {
			return "", err
		}
	}
	if err := (revisions{tx, e}).init(ctx); err != nil {
		return "", err
	}
	files, err := pending(ctx, e, tx, dir)
	if err != nil || len(files) == 0 {
		return "", errors.Join(err, tx.Commit())
	}
	x, err := executor(e, tx, dir)
	if err != nil {
		return "", err
	}
	if err := x.Execute(ctx, files[0]); err != nil {
		return "", fmt.Errorf("%s: %w", files[0].Name(), err)
	}
	if err := intact(ctx, e, tx); err != nil {
		return "", fmt.Errorf("%s: %w", files[0].Name(), err)
	}
	return files[0].Name(), tx.Commit()
}

// intact refuses a SQLite file after which a foreign key points at nothing:
// nobody looked while the keys were off.
func intact(ctx context.Context, e Engine, tx *sql.Tx) error {
	if e != SQLite {
		return nil
	}
	rows, err := tx.QueryContext(ctx, "PRAGMA foreign_key_check")
	if err != nil {
		return err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	if rows.Next() {
		return errors.New("it leaves a foreign key that points at nothing")
	}
	return rows.Err()
}

// embedded is the folder of an engine's migrations in the binary.
func embedded(e Engine) (migrate.Dir, error) {
	files, err := schema.Migrations(string(e))
	if err != nil {
		return nil, err
	}
	return load(files)
}

// load copies migrations and their checksums to where the executor takes them.
func load(files fs.FS) (migrate.Dir, error) {
	dir := &migrate.MemDir{}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".sql") || name == migrate.HashFileName {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, err
			}
			if err := dir.WriteFile(name, text); err != nil {
				return nil, err
			}
		}
	}
	return dir, nil
}
