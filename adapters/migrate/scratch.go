package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/schema"
)

// scratch is an empty database to try files on.
type scratch struct {
	engine Engine
	driver migrate.Driver
	*sql.Conn
}

// picture is what a database looked like.
type picture struct {
	schema  *atlas.Schema
	storage storage
	catalog []string
}

func (e Engine) scratch(ctx context.Context, dev *sql.DB, do func(scratch) error) error {
	conn, err := dev.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // it goes back to its pool
	drv, err := e.driver(conn)
	if err != nil {
		return err
	}
	return do(scratch{e, drv, conn})
}

// during does something with the database and empties it again.
func (s scratch) during(ctx context.Context, do func() error) (err error) {
	restore, err := s.driver.Snapshot(ctx)
	if dirty, ok := errors.AsType[*migrate.NotCleanError](err); ok {
		return fmt.Errorf("the scratch database is not empty (%s), and whatever is in it would be lost: give an empty one", dirty.Reason)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, restore(context.WithoutCancel(ctx))) }()
	return do()
}

// after is what the database looks like once the files were run.
func (s scratch) after(ctx context.Context, files ...migrate.File) (p picture, err error) {
	err = s.during(ctx, func() error {
		for _, f := range files {
			if err := s.run(ctx, f); err != nil {
				return err
			}
		}
		p, err = s.look(ctx)
		return err
	})
	return p, err
}

// run executes a file's statements, with foreign keys off as Up has them.
func (s scratch) run(ctx context.Context, f migrate.File) error {
	if s.engine == SQLite {
		if _, err := s.ExecContext(ctx, "PRAGMA foreign_keys = off"); err != nil {
			return err
		}
	}
	statements, err := migrate.FileStmts(s.driver, f)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	for _, text := range statements {
		if _, err := s.ExecContext(ctx, text); err != nil {
			return fmt.Errorf("%s: %w\n%s", f.Name(), err, text)
		}
	}
	return nil
}

func (s scratch) look(ctx context.Context) (p picture, err error) {
	if p.schema, err = s.driver.InspectSchema(ctx, "", nil); err != nil {
		return p, err
	}
	if p.storage, err = readStorage(ctx, s.engine, s); err != nil {
		return p, err
	}
	p.catalog, err = catalog(ctx, s.engine, s, p.schema)
	return p, err
}

// changes leads from one picture to another.
func (s scratch) changes(from, to picture) ([]atlas.Change, error) {
	// Normalized, because otherwise a CHECK that has changed under the same name is
	// not seen.
	return s.driver.SchemaDiff(from.schema, to.schema, atlas.DiffNormalized())
}
