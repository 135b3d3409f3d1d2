package migrate

import (
	"context"
	"database/sql"
	"errors"

	"ariga.io/atlas/sql/migrate"
	atlas "ariga.io/atlas/sql/schema"
)

// ErrInSync is what Diff returns when the migrations lead to the desired state.
var ErrInSync = migrate.ErrNoPlan

// Diff plans what leads from the migrations in folder to the desired state, and
// writes it there as the next file, with a new atlas.sum. dev is an empty
// database to try things on; it is left empty.
func Diff(ctx context.Context, e Engine, dev *sql.DB, folder, desired, name string) (file string, err error) {
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		return "", err
	}
	plan, planner, err := plan(ctx, e, dev, dir, desired, name)
	if err != nil {
		return "", err
	}
	if err := planner.WritePlan(plan); err != nil {
		return "", err
	}
	files, err := dir.Files()
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[len(files)-1].Name(), nil
}

func plan(ctx context.Context, e Engine, dev *sql.DB, dir migrate.Dir, desired, name string) (*migrate.Plan, *migrate.Planner, error) {
	drv, err := e.driver(dev)
	if err != nil {
		return nil, nil, err
	}
	if err := migrate.Validate(dir); err != nil && !errors.Is(err, migrate.ErrChecksumNotFound) {
		return nil, nil, err
	}
	planner := migrate.NewPlanner(drv, dir,
		migrate.PlanWithSchemaQualifier(""), migrate.PlanWithIndent("  "), migrate.PlanWithMode(migrate.PlanModeDeferred),
		// Without this a CHECK that has changed under the same name is not seen.
		migrate.PlanWithDiffOptions(atlas.DiffNormalized()))
	p, err := planner.PlanSchema(ctx, name, replay(drv, desired))
	return p, planner, err
}

// replay is the state a schema describes: it is played on the empty dev database
// and looked at.
func replay(dev migrate.Driver, text string) migrate.StateReader {
	return migrate.StateReaderFunc(func(ctx context.Context) (*atlas.Realm, error) {
		dir := &migrate.MemDir{}
		if err := dir.WriteFile("1.sql", []byte(text)); err != nil {
			return nil, err
		}
		sum, err := dir.Checksum()
		if err != nil {
			return nil, err
		}
		if err := migrate.WriteSumFile(dir, sum); err != nil {
			return nil, err
		}
		x, err := migrate.NewExecutor(dev, dir, migrate.NopRevisionReadWriter{})
		if err != nil {
			return nil, err
		}
		return x.Replay(ctx, migrate.SchemaConn(dev, "", nil))
	})
}
