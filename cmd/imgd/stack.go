package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"imgd/adapters/disk"
	"imgd/adapters/memory"
	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/records/postgres"
	"imgd/adapters/records/sqlite"
	"imgd/adapters/redis"
	"imgd/adapters/rest"
	"imgd/adapters/s3"
	"imgd/ports"
)

// openDatabase opens the records and sees that their schema is this build's.
func (p *parts) openDatabase(ctx context.Context) error {
	engine, db, err := openRecords(ctx, p.settings)
	if err != nil {
		return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
	}
	db.Engine = records.Watched(db.Engine, p.metrics.Transaction)
	p.db = db
	if engine == migrate.Postgres && p.settings.Migrate != "auto" {
		return migrate.Require(ctx, engine, db.SQL())
	}
	applied, err := migrate.Up(ctx, engine, db.SQL())
	if err != nil {
		return fmt.Errorf("the schema cannot be brought up to date: %w", err)
	}
	if len(applied) > 0 {
		p.log.Info("schema migrated", "applied", applied)
	}
	return nil
}

// openRecords opens the database that the settings name, whatever its schema.
func openRecords(ctx context.Context, s *Settings) (migrate.Engine, *records.DB, error) {
	if postgresURL(s.DatabaseURL) {
		e, err := postgres.Open(ctx, postgres.Config{URL: s.DatabaseURL, Timeout: time.Duration(s.DatabaseTime), Unsafe: s.UnsafeDurability})
		if err != nil {
			return "", nil, err
		}
		return migrate.Postgres, records.New(e), nil
	}
	path, err := s.databasePath()
	if err != nil {
		return "", nil, err
	}
	e, err := sqlite.Open(ctx, path)
	if err != nil {
		return "", nil, err
	}
	return migrate.SQLite, records.New(e), nil
}

// store is where objects are, and what only some stores can do.
type store struct {
	ports.Blobs
	asked ports.Blobs // the same for requests, of which there may be any number
	io.Closer
	links      ports.Links                                              // nil where the store serves no URLs
	spool      func() (ports.Spool, error)                              // nil where objects have descriptors
	staging    func(ctx context.Context, before time.Time) (int, error) // removes what was half-written
	unfinished func(ctx context.Context, before time.Time) (int, error) // counts it
	ping       func(context.Context) error                              // asks whether it is there
	far        bool                                                     // behind a network
}

// openStore opens the objects that the settings name.
func openStore(ctx context.Context, s *Settings) (*store, error) {
	if s3URL(s.StorageURL) {
		return openBucket(ctx, s)
	}
	folder, err := s.blobFolder()
	if err != nil {
		return nil, err
	}
	d, err := disk.Open(folder)
	if err != nil {
		return nil, err
	}
	staging := func(_ context.Context, before time.Time) (int, error) { return d.CleanStaging(before) }
	unfinished := func(_ context.Context, before time.Time) (int, error) { return d.Unfinished(before) }
	return &store{Blobs: d, Closer: d, staging: staging, unfinished: unfinished, ping: d.Ping}, nil
}

func openBucket(ctx context.Context, s *Settings) (*store, error) {
	config, err := s3.ParseURL(s.StorageURL)
	if err != nil {
		return nil, err
	}
	config.Keep = s.StoreCalls
	b, err := s3.Open(ctx, config)
	if err != nil {
		return nil, err
	}
	if err := b.Ping(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	dir := s.TmpDir
	if dir == "" {
		dir = os.TempDir()
	}
	return &store{Blobs: b, Closer: b, links: b, spool: disk.Spools{Dir: dir}.New, staging: b.CleanStaging, unfinished: b.Unfinished, ping: b.Ping, far: true}, nil
}

// hints are how processes tell each other what they would find out by themselves a
// little later.
type hints struct {
	ports.Queue
	ports.Cancels
	redis *redis.Client // nil in a deployment of one process
}

func openHints(ctx context.Context, s *Settings) (*hints, error) {
	if s.RedisURL == "" {
		return &hints{Queue: memory.NewQueue(4096), Cancels: &memory.Cancels{}}, nil
	}
	c, err := redis.Open(ctx, s.RedisURL)
	if err != nil {
		return nil, err
	}
	return &hints{Queue: redis.Queue{Client: c}, Cancels: redis.Cancels{Client: c}, redis: c}, nil
}

func (h *hints) close() error {
	if h == nil || h.redis == nil {
		return nil
	}
	return h.redis.Close()
}

// checks are what readiness asks. Without the database or a decoder nothing works;
// without the rest some of it does. Issuers and the decision point are not asked for
// their own sake: how they did when they were needed is told.
func (p *parts) checks() []rest.Check {
	checks := []rest.Check{
		{Name: "database", Required: true, Ask: p.db.Ping},
		{Name: "decoder", Required: true, Ask: func(context.Context) error { return p.pool.Healthy() }},
		{Name: "sweeper", Ask: func(context.Context) error { return p.keeper.Apart() }},
		{Name: "store", Ask: p.store.ping},
	}
	if p.hints.redis != nil {
		checks = append(checks, rest.Check{Name: "redis", Ask: p.hints.redis.Ping})
	}
	if p.issuers != nil {
		checks = append(checks, rest.Check{Name: "issuers", Ask: func(context.Context) error { return p.issuers.away() }, Last: p.issuers.last})
	}
	if p.policyPing != nil {
		checks = append(checks, rest.Check{Name: p.decisions.Name(), Ask: p.policyPing})
	}
	return checks
}
