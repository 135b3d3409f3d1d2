package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"imgd/adapters/migrate"
	"imgd/adapters/sqlite"
)

type migrateCmd struct {
	Up     migrateUp     `cmd:"" help:"Apply what is pending."`
	Status migrateStatus `cmd:"" help:"Show what is applied and what is pending."`
}

type (
	migrateUp     struct{}
	migrateStatus struct{}
)

// Run applies pending migrations.
func (migrateUp) Run(ctx context.Context, s *Settings) error {
	return withDatabase(ctx, s, func(db *sqlite.DB) error {
		applied, err := migrate.Up(ctx, migrate.SQLite, db.Writer())
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
	return withDatabase(ctx, s, func(db *sqlite.DB) error {
		state, err := migrate.Status(ctx, migrate.SQLite, db.Writer())
		if err != nil {
			return err
		}
		for _, version := range state.Applied {
			fmt.Fprintln(w, "applied ", version)
		}
		for _, file := range state.Pending {
			fmt.Fprintln(w, "pending ", file)
		}
		return nil
	})
}

func withDatabase(ctx context.Context, s *Settings, do func(*sqlite.DB) error) error {
	if err := mistaken(s.Check()); err != nil {
		return err
	}
	path, err := s.databasePath()
	if err != nil {
		return err
	}
	db, err := sqlite.Open(ctx, path)
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck // every write was committed
	return do(db)
}
