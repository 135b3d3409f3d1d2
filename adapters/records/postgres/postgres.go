// Package postgres is the engine of records in PostgreSQL, for any number of
// processes. It needs no session of its own beyond a transaction, so that it works
// through PgBouncer in transaction mode.
package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"imgd/adapters/records"
	"imgd/adapters/records/internal/gen"
	"imgd/adapters/records/internal/pg"
)

// Config says which database, and how long it may keep its callers waiting.
type Config struct {
	URL string
	// Timeout is how long one transaction may take, the wait for a connection
	// included; then it is Unavailable. Zero means DefaultTimeout.
	Timeout time.Duration
	// Unsafe takes a server that may lose what it has committed (fsync = off).
	Unsafe bool
}

// DefaultTimeout keeps an answer of the API within two seconds when the database
// is away.
const DefaultTimeout = 1800 * time.Millisecond

// DB is an open database.
type DB struct {
	pool    *pgxpool.Pool
	patient *pgxpool.Pool // for statements by themselves, whatever time they take
	sql     *sql.DB
	timeout time.Duration
	// What begins a transaction, ending with the question for the time.
	beginWrite, beginRead string
}

var _ records.Engine = (*DB)(nil)

// Check reports what is wrong with an address, without its password.
func Check(url string) error {
	if _, err := pgxpool.ParseConfig(url); err != nil {
		return fmt.Errorf("it is not an address of PostgreSQL: %w", redacted(err))
	}
	return nil
}

// Open connects, and refuses a server that does not keep what it commits. The
// schema is the migrator's.
func Open(ctx context.Context, c Config) (*DB, error) {
	config, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fmt.Errorf("it is not an address of PostgreSQL: %w", redacted(err))
	}
	db := &DB{timeout: c.Timeout}
	if db.timeout == 0 {
		db.timeout = DefaultTimeout
	}
	config.ConnConfig.ConnectTimeout = db.timeout
	config.AfterConnect = inUTC
	pooled, err := inspect(ctx, config.ConnConfig.Copy(), c.Unsafe)
	if err != nil {
		return nil, err
	}
	bare := config.ConnConfig.Copy()
	bare.DefaultQueryExecMode = pgx.QueryExecModeExec // nothing stays behind in a session
	db.sql = stdlib.OpenDB(*bare)
	db.sql.SetMaxOpenConns(2)
	db.sql.SetMaxIdleConns(0)
	db.settle(config, pooled)
	if db.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, errors.Join(explain(ctx, err), db.sql.Close())
	}
	if db.patient, err = pgxpool.NewWithConfig(ctx, unasked(config.Copy())); err != nil {
		db.pool.Close()
		return nil, errors.Join(explain(ctx, err), db.sql.Close())
	}
	return db, nil
}

// unasked has connections used without asking whether they are alive: one that is
// not costs less than a round trip more for each.
func unasked(config *pgxpool.Config) *pgxpool.Config {
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	config.MinConns, config.MinIdleConns = 0, 0
	return config
}

// limits hold on the server, should this process hang: somewhat longer than a
// transaction may take here.
func (db *DB) limits() map[string]string {
	waiting, hanging := db.timeout+200*time.Millisecond, db.hanging()
	return map[string]string{
		"synchronous_commit": "on", "lock_timeout": milliseconds(waiting),
		"statement_timeout": milliseconds(hanging), "idle_in_transaction_session_timeout": milliseconds(hanging),
	}
}

// hanging is how long the server lets one statement take.
func (db *DB) hanging() time.Duration { return db.timeout + 3200*time.Millisecond }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) + "ms" }

// Overlap is how long a transaction may take: until its commit is sent, and then as long
// as the server lets that take.
func (db *DB) Overlap() time.Duration { return db.timeout + db.hanging() }

const clock = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS bigint)"

// settle chooses how a transaction begins. A pooler between us and the server
// lends a session for one transaction only: nothing may be set or prepared beyond.
func (db *DB) settle(config *pgxpool.Config, pooled bool) {
	db.beginRead = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; "
	db.beginWrite = "BEGIN; "
	limits := db.limits()
	if pooled {
		for _, name := range slices.Sorted(maps.Keys(limits)) {
			set := "SET LOCAL " + name + " = '" + limits[name] + "'; "
			db.beginRead, db.beginWrite = db.beginRead+set, db.beginWrite+set
		}
		if config.ConnConfig.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
			config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
		}
	} else {
		maps.Copy(config.ConnConfig.RuntimeParams, limits)
		config.ConnConfig.RuntimeParams["application_name"] = "imgd"
	}
	db.beginWrite += clock
}

// inUTC has times come back in UTC: what is in the rows has no place.
func inUTC(_ context.Context, c *pgx.Conn) error {
	c.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// SQL is a handle for migrations, without the limits of time. It has connections
// of its own while it is used.
func (db *DB) SQL() *sql.DB { return db.sql }

// Close waits for what is under way.
func (db *DB) Close() error {
	err := db.sql.Close()
	db.patient.Close()
	db.pool.Close()
	return err
}

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	return explain(ctx, db.pool.Ping(within))
}

// Read gives fn one unchanging view of the database.
func (db *DB) Read(ctx context.Context, fn func(gen.Querier) error) error {
	return db.transact(ctx, db.beginRead, func(q gen.Querier, _ time.Time) error { return fn(q) })
}

// Alone runs one statement by itself. What a transaction sets for itself it does
// without: a session through a pooler has the limits of its role.
func (db *DB) Alone(ctx context.Context, fn func(gen.Querier) error) error {
	return explain(ctx, fn(pg.New(db.patient)))
}

// Write commits all of fn or nothing.
func (db *DB) Write(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	return db.transact(ctx, db.beginWrite, fn)
}
