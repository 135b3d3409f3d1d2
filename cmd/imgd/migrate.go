package main

import (
	"context"
	"fmt"

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
