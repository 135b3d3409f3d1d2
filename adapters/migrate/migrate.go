// Package migrate brings a database's schema to the state this build needs:
// versioned files, planned and executed by the Atlas library, embedded in the
// binary. The table of what was applied, the lock, and the judgement of what a
// file may do to people's data are our own.
package migrate

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
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
	Unknown []string // versions among the applied that only a newer build knows
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
	return status(ctx, e, db, dir)
}

// Current returns the files that a database lacks, none when this build can serve
// from it. A database that a newer build has migrated is served: files only add.
// Nothing is changed, and the right to read is enough.
func Current(ctx context.Context, e Engine, db *sql.DB) (pending []string, err error) {
	s, err := Status(ctx, e, db)
	return s.Pending, err
}

// Require is nil when this build can serve from the database, and otherwise says
// what is missing and how to get it.
func Require(ctx context.Context, e Engine, db *sql.DB) error {
	files, err := Current(ctx, e, db)
	if err != nil {
		return err
	}
	return refusal(files)
}

func refusal(pending []string) error {
	if len(pending) == 0 {
		return nil
	}
	return fmt.Errorf("the database's schema is older than this build, it lacks %s: run imgd migrate up, or set IMGD_MIGRATE=auto to have it done at every start",
		strings.Join(pending, ", "))
}

func status(ctx context.Context, e Engine, db *sql.DB, dir migrate.Dir) (s State, err error) {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return s, err
	}
	defer tx.Rollback() //nolint:errcheck // it was only read
	done, err := revisions{tx, e}.ReadRevisions(ctx)
	if err != nil {
		return s, err
	}
	files, err := dir.Files()
	if err != nil {
		return s, err
	}
	for _, d := range done {
		s.Applied = append(s.Applied, d.Version)
		if !slices.ContainsFunc(files, func(f migrate.File) bool { return f.Version() == d.Version }) {
			s.Unknown = append(s.Unknown, d.Version)
		}
	}
	lacks, err := pending(ctx, e, tx, dir)
	for _, f := range lacks {
		s.Pending = append(s.Pending, f.Name())
	}
	return s, err
}

// pending are the files that were not applied, none when all were. It is an error
// when what was applied is not what the folder holds.
func pending(ctx context.Context, e Engine, q querier, dir migrate.Dir) ([]migrate.File, error) {
	if err := valid(dir); err != nil {
		return nil, err
	}
	r := revisions{q, e}
	done, err := r.ReadRevisions(ctx)
	if err != nil {
		return nil, err
	}
	if err := unchanged(done, dir); err != nil {
		return nil, err
	}
	if len(done) == 0 {
		name, err := r.stranger(ctx)
		if err != nil {
			return nil, err
		}
		if name != "" {
			return nil, fmt.Errorf("the database has a table %q and no record of migrations: imgd needs a database of its own", name)
		}
	}
	x, err := executor(e, q, r, dir)
	if err != nil {
		return nil, err
	}
	files, err := x.Pending(ctx)
	if errors.Is(err, migrate.ErrNoPendingFiles) {
		return nil, nil
	}
	if late, ok := errors.AsType[*migrate.HistoryNonLinearError](err); ok {
		return nil, fmt.Errorf("%s is older than what was applied already: give it a newer version, by its name", late.OutOfOrder[0].Name())
	}
	return files, err
}

// unchanged holds the folder against what was applied from it.
func unchanged(done []*migrate.Revision, dir migrate.Dir) error {
	sums, err := dir.Checksum()
	if err != nil {
		return err
	}
	files, err := dir.Files()
	if err != nil {
		return err
	}
	for _, f := range files {
		i := slices.IndexFunc(done, func(r *migrate.Revision) bool { return r.Version == f.Version() })
		if i < 0 {
			continue
		}
		sum, err := sums.SumByName(f.Name())
		if err != nil {
			return err
		}
		if sum != done[i].Hash {
			return fmt.Errorf("%s is not what was applied to this database: restore it, and change the schema with a new file", f.Name())
		}
	}
	return nil
}

func executor(e Engine, on querier, r revisions, dir migrate.Dir) (*migrate.Executor, error) {
	drv, err := e.driver(on)
	if err != nil {
		return nil, err
	}
	// What a first migration may find is judged by stranger, which looks at one
	// schema instead of the whole server.
	return migrate.NewExecutor(drv, dir, r, migrate.WithOperatorVersion("imgd"), migrate.WithAllowDirty(true))
}
