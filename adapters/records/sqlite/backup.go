package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Backup writes the database as it is at this moment to a new file. It reads one
// unchanging view on a connection of its own: writers go on meanwhile. The file is
// there when it is complete, sound and safe from a power cut, or not at all.
func (db *DB) Backup(ctx context.Context, path string) (err error) {
	path, err = filepath.Abs(path)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%s is there already, and a backup is never written over: name a new file", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".imgd-backup-*") // for its owner alone
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	defer f.Close() //nolint:errcheck // it was synced
	if err := db.copyTo(ctx, f.Name()); err != nil {
		return err
	}
	if err := sound(ctx, f.Name()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil { // fails where something is
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// copyTo needs a connection that may write, because the copy is written.
func (db *DB) copyTo(ctx context.Context, path string) (err error) {
	own, err := sql.Open("sqlite3", dsn(db.path))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, own.Close()) }()
	_, err = own.ExecContext(ctx, "VACUUM INTO ?", path)
	return explain(ctx, err)
}

// sound reads all of a database file.
func sound(ctx context.Context, path string) (err error) {
	db, err := sql.Open("sqlite3", dsn(path, "query_only(on)"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var verdict string
	if err := db.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return explain(ctx, err)
	}
	if verdict != "ok" {
		return fmt.Errorf("the copy is damaged, and so may the database be: %s", verdict)
	}
	return nil
}

func syncFolder(name string) error {
	d, err := os.Open(name) // #nosec G304 -- of the file that was written
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
