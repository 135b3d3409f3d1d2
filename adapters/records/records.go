// Package records keeps images, jobs and events in a SQL database. Each repository
// is written once, over queries that both engines have under the same names and
// with the same types; packages sqlite and postgres open an engine.
package records

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
)

// Engine is an open database. Its errors have the kind the core understands.
type Engine interface {
	// Read gives fn one unchanging view of the database.
	Read(ctx context.Context, fn func(gen.Querier) error) error

	// Write commits all of fn or nothing, durably. now is the database's time when
	// the transaction began. A row that fn has changed or locked stays so until the
	// end; of engines with one writer this holds for everything.
	Write(ctx context.Context, fn func(q gen.Querier, now time.Time) error) error

	// Alone runs fn's one statement as a transaction of its own, which takes a
	// database that is far away one round trip. Nothing but ctx ends it sooner.
	Alone(ctx context.Context, fn func(gen.Querier) error) error

	// Overlap is how long after a transaction began another one may still commit that
	// began before it. Of engines with one writer it is nothing.
	Overlap() time.Duration

	// Ping reports whether the database answers.
	Ping(ctx context.Context) error

	// SQL is a handle for migrations, backups and repairs, open as long as the engine.
	SQL() *sql.DB

	// Close waits for what is under way.
	Close() error
}

// DB is what the repositories of this package share: records.Images{DB: db},
// records.Jobs{DB: db} and so on.
type DB struct {
	Engine
	// NewID names what this package makes itself: events and sweeps.
	NewID func() core.ID
}

// New is a DB over an open engine.
func New(e Engine) *DB {
	return &DB{Engine: e, NewID: func() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }}
}

// tx is one writing transaction.
type tx struct {
	gen.Querier
	db  *DB
	now time.Time // the database's, when the transaction began
}

func (db *DB) write(ctx context.Context, fn func(tx) error) error {
	return db.Write(ctx, func(q gen.Querier, now time.Time) error { return fn(tx{q, db, now}) })
}

// writeAgain is write, tried once more when it clashed with what somebody else
// recorded in the same moment: the second try sees it and can say what it is.
func (db *DB) writeAgain(ctx context.Context, fn func(tx) error) error {
	err := db.write(ctx, fn)
	if core.SlugOf(err) == core.Slug(core.Conflict) {
		err = db.write(ctx, fn)
	}
	return err
}

// missing says that there is no such thing, in place of a query that found nothing.
// Which one was meant is for the log: the same sentence for each of them tells a
// caller nothing of what others have.
func missing(err error, what string, id core.ID) error {
	if errors.Is(err, sql.ErrNoRows) {
		return core.NotFound.Errorf("there is no such %s", what).Because(errors.New(string(id)))
	}
	return err
}
