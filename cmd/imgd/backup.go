package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"imgd/adapters/disk"
	"imgd/adapters/records/sqlite"
)

type backupCmd struct {
	To    string `arg:"" placeholder:"FILE|FOLDER" help:"A new file, or a folder that takes a file named after this moment."`
	Blobs string `placeholder:"FOLDER" help:"Then fill a new folder with hard links to every image and variant. It has to be on the file system of the store, which has to be a folder."`
}

// Run copies the records to a new file, and then what they refer to. The other
// order would lose what comes in between.
func (c backupCmd) Run(ctx context.Context, s *Settings) error { return c.make(ctx, s, os.Stdout) }

func (c backupCmd) make(ctx context.Context, s *Settings, w io.Writer) error {
	if err := mistaken(s.Check()); err != nil {
		return err
	}
	if postgresURL(s.DatabaseURL) {
		return coded{2, errors.New("nothing was backed up: PostgreSQL has tools of its own for it. Use pg_dump --format=custom --file=imgd.dump \"$IMGD_DATABASE_URL\" or your provider's snapshots, first, and copy the images after it; docs/operations.md has the whole procedure")}
	}
	if c.Blobs != "" && s3URL(s.StorageURL) {
		return errors.New("--blobs: the images are in a bucket, which cannot be linked to; copy it after this, or rely on its versions")
	}
	began := time.Now()
	to, err := c.records(ctx, s)
	if err != nil {
		return err
	}
	st, err := os.Stat(to)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "records: %s, %s in %s\n", to, size(st.Size()), time.Since(began).Round(time.Millisecond))
	if c.Blobs == "" {
		return nil
	}
	return c.links(ctx, s, w)
}

// records backs the database up and says where.
func (c backupCmd) records(ctx context.Context, s *Settings) (to string, err error) {
	from, err := s.databasePath()
	if err != nil {
		return "", err
	}
	if err := s.databaseIsThere(); err != nil {
		return "", err
	}
	to = c.To
	if st, err := os.Stat(to); err == nil && st.IsDir() {
		to = filepath.Join(to, "imgd-"+time.Now().UTC().Format("20060102T150405.000Z")+".db")
	}
	db, err := sqlite.Open(ctx, from)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return to, db.Backup(ctx, to)
}

func (c backupCmd) links(ctx context.Context, s *Settings, w io.Writer) (err error) {
	folder, err := s.blobFolder()
	if err != nil {
		return err
	}
	store, err := disk.Open(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	began := time.Now()
	n, err := store.LinkInto(ctx, c.Blobs)
	if err != nil {
		return fmt.Errorf("--blobs: %w", err)
	}
	fmt.Fprintf(w, "images: %s, %d objects linked in %s\n", c.Blobs, n, time.Since(began).Round(time.Millisecond))
	return nil
}

// databaseIsThere refuses a file that is not there: opening it would make it.
func (s *Settings) databaseIsThere() error {
	if postgresURL(s.DatabaseURL) {
		return nil
	}
	path, err := s.databasePath()
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
	}
	return nil
}
