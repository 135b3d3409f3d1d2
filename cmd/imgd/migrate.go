package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"imgd/adapters/migrate"
	"imgd/adapters/records/sqlite"
)

type migrateCmd struct {
	Up     migrateUp     `cmd:"" help:"Apply what is pending."`
	Status migrateStatus `cmd:"" help:"Show what is applied and what is pending."`
	Diff   migrateDiff   `cmd:"" help:"Write the migration that leads to a changed schema.sql; for developers."`
	Lint   migrateLint   `cmd:"" help:"Check the migrations of a source tree; for developers."`
	Sum    migrateSum    `cmd:"" help:"Write atlas.sum for a migration that was written by hand; for developers."`
}

type (
	migrateUp     struct{}
	migrateStatus struct{}
	migrateDiff   struct {
		workshop
		Name   string `arg:"" help:"What the migration does, such as add_mood."`
		Reason string `name:"allow-destructive" placeholder:"REASON" help:"Write it although it loses data or trips up a build that still serves. The file carries the reason."`
	}
	migrateLint struct{ workshop }
	migrateSum  struct{ tree }
)

// Run applies pending migrations.
func (migrateUp) Run(ctx context.Context, s *Settings) error {
	return withSchema(ctx, s, func(e migrate.Engine, db *sql.DB) error {
		applied, err := migrate.Up(ctx, e, db)
		for _, name := range applied {
			fmt.Println("applied", name)
		}
		if err == nil && len(applied) == 0 {
			fmt.Println("nothing to do: the schema is up to date")
		}
		return err
	})
}

// Run shows what was applied and what is pending.
func (m migrateStatus) Run(ctx context.Context, s *Settings) error { return m.show(ctx, s, os.Stdout) }

func (migrateStatus) show(ctx context.Context, s *Settings, w io.Writer) error {
	return withSchema(ctx, s, func(e migrate.Engine, db *sql.DB) error {
		state, err := migrate.Status(ctx, e, db)
		if err != nil {
			return err
		}
		for _, version := range state.Applied {
			fmt.Fprintln(w, "applied ", version)
		}
		for _, file := range state.Pending {
			fmt.Fprintln(w, "pending ", file)
		}
		if len(state.Unknown) > 0 {
			fmt.Fprintf(w, "newer than this build, which can serve from it: %s\n", strings.Join(state.Unknown, ", "))
		}
		return nil
	})
}

// withSchema opens the database that is migrated, and nothing else of the service.
func withSchema(ctx context.Context, s *Settings, do func(migrate.Engine, *sql.DB) error) (err error) {
	if postgresURL(s.DatabaseURL) {
		db, err := openPostgres(s.DatabaseURL)
		if err != nil {
			return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
		}
		defer func() { err = errors.Join(err, db.Close()) }()
		return do(migrate.Postgres, db)
	}
	path, ok := strings.CutPrefix(s.DatabaseURL, "sqlite:")
	if !ok || path == "" {
		return errors.New("IMGD_DATABASE_URL: it has to be sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE")
	}
	db, err := sqlite.Open(ctx, strings.TrimPrefix(path, "//"))
	if err != nil {
		return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return do(migrate.SQLite, db.SQL())
}

func postgresURL(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// openPostgres prepares nothing on the server, so that a connection pooler may
// stand in between, and takes a second connection only for an index that is built
// concurrently.
func openPostgres(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(2)
	return db, nil
}

// tree is the part of a source tree that a developer works on.
type tree struct {
	Dir    string `default:"./schema" placeholder:"FOLDER" help:"The folder schema of a source tree."`
	Engine string `default:"all" enum:"all,sqlite,postgres" help:"Which databases: ${enum}."`
}

func (t tree) engines() []migrate.Engine {
	if t.Engine == "all" {
		return []migrate.Engine{migrate.SQLite, migrate.Postgres}
	}
	return []migrate.Engine{migrate.Engine(t.Engine)}
}

// workshop is a tree with what it takes to try migrations.
type workshop struct {
	tree
	DevURL string `name:"dev-database-url" env:"IMGD_DEV_DATABASE_URL" secret:"" placeholder:"URL" help:"An empty database on PostgreSQL to try migrations on. It is left empty."`
}

// each does something for every engine that is asked for. PostgreSQL is left out
// without a database to try things on, and that is an error in the end.
func (t workshop) each(do func(migrate.Source) error) error {
	var left error
	for _, e := range t.engines() {
		if e == migrate.Postgres && t.DevURL == "" {
			left = errors.New("postgres was left out: set IMGD_DEV_DATABASE_URL to an empty database that migrations may be tried on, and run this again with --engine=postgres")
			continue
		}
		if err := t.with(e, do); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	return left
}

func (t workshop) with(e migrate.Engine, do func(migrate.Source) error) (err error) {
	dev, err := t.dev(e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	source, err := migrate.Open(t.Dir, e, dev)
	if err != nil {
		return err
	}
	return do(source)
}

// dev is the database to try things on. SQLite's is in memory, and belongs to its
// connection.
func (t workshop) dev(e migrate.Engine) (*sql.DB, error) {
	if e == migrate.SQLite {
		db, err := sql.Open("sqlite3", "file::memory:")
		if err == nil {
			db.SetMaxOpenConns(1)
		}
		return db, err
	}
	if !postgresURL(t.DevURL) {
		return nil, errors.New("IMGD_DEV_DATABASE_URL: it has to be postgres://USER:PASSWORD@HOST/DATABASE")
	}
	return openPostgres(t.DevURL)
}

// Run writes the next migration of each engine whose schema.sql has changed.
func (d migrateDiff) Run(ctx context.Context) error { return d.write(ctx, os.Stdout) }

func (d migrateDiff) write(ctx context.Context, w io.Writer) error {
	return d.each(func(s migrate.Source) error {
		file, err := s.Diff(ctx, d.Name, d.Reason)
		if errors.Is(err, migrate.ErrInSync) {
			fmt.Fprintf(w, "%s: nothing to do, %v\n", s.Engine, err)
			return nil
		}
		if file != "" {
			fmt.Fprintln(w, "wrote", filepath.Join(s.Folder, file))
		}
		return err
	})
}

// Run tells what must not be released.
func (l migrateLint) Run(ctx context.Context) error { return l.check(ctx, os.Stdout) }

func (l migrateLint) check(ctx context.Context, w io.Writer) error {
	n := 0
	err := l.each(func(s migrate.Source) error {
		found, err := s.Lint(ctx)
		for _, f := range found {
			fmt.Fprintf(w, "%s: %s\n", s.Engine, f)
		}
		if err == nil && len(found) == 0 {
			fmt.Fprintf(w, "%s: the migrations are sound\n", s.Engine)
		}
		n += len(found)
		return err
	})
	if n > 0 {
		return errors.Join(fmt.Errorf("the migrations must not be released like this: %d findings", n), err)
	}
	return err
}

// Run writes the checksums.
func (m migrateSum) Run() error {
	for _, e := range m.engines() {
		if err := migrate.Sum(filepath.Join(m.Dir, string(e), "migrations")); err != nil {
			return fmt.Errorf("%s: %w", e, err)
		}
	}
	return nil
}
