package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// up takes the lock when there is something to do: a process that has nothing to
// migrate starts although another one writes, or hangs while it does.
func up(ctx context.Context, e Engine, db *sql.DB, dir migrate.Dir) (applied []string, err error) {
	if s, err := status(ctx, e, db, dir); err != nil || len(s.Pending) == 0 {
		return nil, err
	}
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
		name, err := next(ctx, e, db, conn, dir)
		if err != nil || name == "" {
			return applied, err
		}
		applied = append(applied, name)
	}
}

// next applies the first pending file and returns its name, empty when there is
// none. What is pending is read under the lock.
func next(ctx context.Context, e Engine, db *sql.DB, conn *sql.Conn, dir migrate.Dir) (string, error) {
	tx, err := locked(ctx, e, conn)
	if err != nil {
		return "", err
	}
	defer tx.Rollback() //nolint:errcheck // after a commit there is nothing left to do
	files, err := pending(ctx, e, tx, dir)
	if err != nil || len(files) == 0 {
		return "", err
	}
	if err := apply(ctx, e, db, tx, dir, files[0]); err != nil {
		return "", explain(files[0], err)
	}
	return files[0].Name(), explain(files[0], tx.Commit())
}

func apply(ctx context.Context, e Engine, db *sql.DB, tx *sql.Tx, dir migrate.Dir, f migrate.File) error {
	r := revisions{tx, e}
	if err := r.init(ctx); err != nil {
		return err
	}
	on := querier(tx)
	if alone(f) {
		other, err := outside(ctx, e, db)
		if err != nil {
			return err
		}
		defer other.Close() //nolint:errcheck // it goes back to its pool
		on = other
	}
	x, err := executor(e, on, r, dir)
	if err != nil {
		return err
	}
	if err := x.Execute(ctx, f); err != nil {
		return err
	}
	return intact(ctx, e, tx)
}

// alone reports whether a file asks to run outside a transaction, which CREATE
// INDEX CONCURRENTLY needs.
func alone(f migrate.File) bool {
	d, ok := f.(interface{ Directive(string) []string })
	return ok && slices.Contains(d.Directive("txmode"), "none")
}

// outside is a connection for a file that runs outside a transaction, while the
// lock and the record stay in theirs: a file that fails halfway is not recorded
// and runs again from its first statement, so it has to be written for that.
func outside(ctx context.Context, e Engine, db *sql.DB) (*sql.Conn, error) {
	if e != Postgres {
		return nil, errors.New("it says txmode none, which nothing in SQLite needs: remove the line")
	}
	if db.Stats().MaxOpenConnections == 1 {
		return nil, errors.New("it says txmode none, which takes a second connection, and the pool has one")
	}
	return db.Conn(ctx)
}

// lockKey is the advisory lock of migrations in a PostgreSQL database.
const lockKey = 7239

// patience is how long a statement may wait for a table that others use. While it
// waits, everybody else waits behind it.
const patience = 5 * time.Second

// locked begins a transaction that holds the lock until it ends: what is in a
// connection pooler's hands can promise no more. Others wait outside of any
// transaction, because an index that is built concurrently waits for them.
func locked(ctx context.Context, e Engine, conn *sql.Conn) (*sql.Tx, error) {
	for {
		tx, err := conn.BeginTx(ctx, nil)
		if busy, ok := errors.AsType[interface {
			error
			Temporary() bool
		}](err); ok && e == SQLite && busy.Temporary() {
			return nil, fmt.Errorf("another process is writing to the database and does not end: wait for it or stop it, then try again: %w", err)
		}
		if err != nil || e == SQLite { // BEGIN IMMEDIATE is SQLite's lock
			return tx, err
		}
		var got bool
		if err := tx.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(lockKey)).Scan(&got); err != nil {
			return nil, errors.Join(err, tx.Rollback())
		}
		if got {
			return tx, prepare(ctx, tx)
		}
		if err := tx.Rollback(); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("another process is migrating this database: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// prepare makes a PostgreSQL transaction impatient with tables that are in use,
// patient with itself, and short-lived when its process is killed.
func prepare(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, fmt.Sprintf(`SELECT set_config('lock_timeout', '%d', true), set_config('statement_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true)`, patience.Milliseconds()))
	if err == nil {
		_, err = tx.ExecContext(ctx, `SELECT set_config(name, '1000', true)
FROM   pg_settings
WHERE  name = 'client_connection_check_interval' AND version() LIKE '%linux%'`)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return nil
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

// explain says which file failed, at which statement.
func explain(f migrate.File, err error) error {
	if err == nil {
		return nil
	}
	if at, ok := errors.AsType[*migrate.StmtExecError](err); ok {
		err = fmt.Errorf("%w\n%s", at.Err, at.Stmt.Text)
	}
	if s, ok := errors.AsType[interface {
		error
		SQLState() string
	}](err); ok && s.SQLState() == "55P03" {
		err = fmt.Errorf("a table was in use for %s; run it again when less is going on: %w", patience, err)
	}
	left := "the schema is as it was before it"
	if alone(f) {
		left = "some of it may stay until it runs again"
	}
	return fmt.Errorf("%s was not applied, %s: %w", f.Name(), left, err)
}
