package house_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/disk"
	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/records/postgres"
	"imgd/adapters/s3"
	"imgd/core"
	"imgd/e2e/house"
	"imgd/e2e/rig"
)

// TestASmallJobCostsFourTransactionsAndSixRequests counts what an upload and its
// job of four variants ask of PostgreSQL and S3: whether its bytes are quarantined,
// its admission, its claim and its end; the original there and back, and each
// variant.
func TestASmallJobCostsFourTransactionsAndSixRequests(t *testing.T) {
	var transactions, requests atomic.Int64
	engine, err := postgres.Open(t.Context(), postgres.Config{URL: rig.Postgres(t), Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	if _, err := migrate.Up(t.Context(), migrate.Postgres, engine.SQL()); err != nil {
		t.Fatal(err)
	}
	bucket := rig.S3(t)
	store, err := s3.Open(t.Context(), s3.Config{
		Bucket: bucket.Name, Region: bucket.Region, Endpoint: bucket.Endpoint, PathStyle: true,
		AccessKey: bucket.AccessKey, SecretKey: bucket.SecretKey,
		Observe: func(string, time.Duration, error) { requests.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := house.Over(records.New(records.Counted(engine, &transactions)), store, disk.Spools{Dir: t.TempDir()}.New)

	a := h.Accept(t, "small")
	id, err := h.Queue.Pop(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Process.Next(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	tx, asked := transactions.Load(), requests.Load()
	if j, err := h.Library.Job(context.WithoutCancel(t.Context()), house.Ann(), a.Job.ID, 0); err != nil || j.State != core.JobSucceeded {
		t.Fatalf("the job is %s (%v), want succeeded", j.State, err)
	}
	if tx > 4 {
		t.Errorf("it cost %d transactions, want at most 4", tx)
	}
	if asked > 6 {
		t.Errorf("it cost %d requests to the store, want at most 6", asked)
	}
	t.Logf("%d transactions, %d requests", tx, asked)
}
