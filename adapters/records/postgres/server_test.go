package postgres_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"imgd/adapters/records"
	"imgd/adapters/records/postgres"
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
	"imgd/ports/portstest"
)

// A pooler lends a session for one transaction, so that whatever a suite leaves in
// one is somebody else's a moment later.
func TestThroughPgBouncerNothingChanges(t *testing.T) {
	t.Parallel()
	pooled := func(t *testing.T) *portstest.Store {
		t.Helper()
		return store(open(t, rig.PgBouncer(t, newDatabase(t))))
	}
	portstest.JobMachine(t, pooled)
	portstest.Idempotency(t, pooled)
}

func TestAServerThatForgetsIsRefused(t *testing.T) {
	t.Parallel()
	url := rig.Postgres(t) // made for speed
	db, err := postgres.Open(t.Context(), postgres.Config{URL: url})
	if err == nil {
		_ = db.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "fsync is off") || !strings.Contains(err.Error(), "IMGD_UNSAFE_DURABILITY") {
		t.Errorf("Open of a server with fsync off = %v, want a refusal that says what to do", err)
	}
	if _, err := postgres.Open(t.Context(), postgres.Config{URL: rig.NewPostgres(t).URL}); err != nil {
		t.Errorf("Open of a server as it comes = %v", err)
	}
}

func TestAnAddressIsRefusedWithoutItsPassword(t *testing.T) {
	for _, url := range []string{"postgres://ann:geheim@host:port/x", "host=h password=geheim sslmode=maybe", "postgres://ann:geheim@h/x?sslmode=maybe"} {
		if err := postgres.Check(url); err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("Check(%s) = %v, want an error without the password", url, err)
		}
	}
	if err := postgres.Check("postgres://ann:geheim@host:5433/x?sslmode=disable&pool_max_conns=7"); err != nil {
		t.Errorf("a good address is refused: %v", err)
	}
}

// within runs do and reports its error, and fails the test when it took longer.
func within(t *testing.T, most time.Duration, what string, do func() error) error {
	t.Helper()
	var err error
	if took := rig.Timed(func() { err = do() }); took > most {
		t.Errorf("%s took %s, want at most %s (%v)", what, took, most, err)
	}
	return err
}

// away checks that db answers that it is not there, soon, on every path.
func away(t *testing.T, db *records.DB) {
	t.Helper()
	for range 3 {
		for what, do := range map[string]func() error{
			"a read": func() error { _, err := records.Images{DB: db}.Image(t.Context(), "acme", "x"); return err },
			"a write": func() error {
				_, err := records.Housekeeping{DB: db}.Lead(t.Context(), "x", "y", time.Second)
				return err
			},
			"a ping": func() error { return db.Ping(t.Context()) },
		} {
			err := within(t, 2*time.Second, what+" of a database that is away", do)
			if core.KindOf(err) != core.Unavailable || core.RetryAfter(err) <= 0 {
				t.Errorf("%s of a database that is away = %v, want Unavailable and when to try again", what, err)
			}
		}
	}
}

// back waits until db answers again.
func back(t *testing.T, db *records.DB) {
	t.Helper()
	began := time.Now()
	for {
		_, err := records.Images{DB: db}.Image(t.Context(), "acme", "x")
		if core.KindOf(err) == core.NotFound {
			t.Logf("it answers again after %s", time.Since(began).Round(time.Millisecond))
			return
		}
		if time.Since(began) > 5*time.Second {
			t.Fatalf("5 s after the database came back a read = %v", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestADatabaseThatIsAwayCostsNobodyMoreThanTwoSeconds(t *testing.T) {
	t.Parallel()
	server := rig.NewPostgres(t)
	migrated(t, server.URL)
	link := rig.Proxy(t, server.Addr)
	db := open(t, link.Through(server.URL))
	back(t, db)
	t.Run("killed", func(t *testing.T) {
		server.Kill9()
		away(t, db)
		server.Start()
		back(t, db)
	})
	t.Run("stopped at once", func(t *testing.T) {
		server.StopImmediate(t)
		away(t, db)
		server.Start()
		back(t, db)
	})
	t.Run("silent", func(t *testing.T) {
		link.HalfOpen()
		away(t, db)
		link.Clear()
		back(t, db)
	})
	t.Run("unreachable", func(t *testing.T) {
		link.Down()
		away(t, db)
		link.Up()
		back(t, db)
	})
	t.Run("frozen", func(t *testing.T) {
		server.Stop(t)
		away(t, db)
		server.Cont(t)
		back(t, db)
	})
}

// Everything that changes an image holds it first: whatever meets, nobody waits in
// a circle, which PostgreSQL would end by refusing one.
func TestTransitionsThatMeetDoNotWaitInACircle(t *testing.T) {
	db := fresh(t)
	images, control, jobs := records.Images{DB: db}, records.JobControl{DB: db}, records.Jobs{DB: db}
	var admitted []ports.Admission
	for range 3 {
		a := admission()
		if err := images.Admit(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		admitted = append(admitted, a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	by := core.Actor{Subject: "ann"}
	acts := []func(ports.Admission) error{
		func(ports.Admission) error {
			j, _, err := jobs.Claim(ctx, ports.Want{Worker: "w", Lease: time.Minute, SpecVersion: core.SpecVersion})
			if err == nil {
				_, err = jobs.Finish(ctx, j, ports.Result{Outcome: core.Erred, Error: core.FailureOf(core.Unavailable.Errorf("x")), Facts: &core.Facts{Blurhash: "x"}})
			}
			return err
		},
		func(a ports.Admission) error { _, err := control.Cancel(ctx, "acme", a.Job.ID, by); return err },
		func(a ports.Admission) error { _, err := control.Retry(ctx, "acme", a.Job.ID, "", by); return err },
		func(a ports.Admission) error {
			name := "x"
			_, err := images.Patch(ctx, "acme", a.Image.ID, core.ImagePatch{Filename: &name}, by)
			return err
		},
		func(a ports.Admission) error { return images.Delete(ctx, "acme", a.Image.ID, ports.Removal{By: by}) },
		func(ports.Admission) error { _, err := jobs.Reap(ctx); return err },
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := rand.IntN(len(acts))
				if i == 4 && rand.IntN(50) > 0 { // a deleted image has few transitions left
					continue
				}
				err := acts[i](admitted[rand.IntN(len(admitted))])
				if e, ok := errors.AsType[*pgconn.PgError](err); ok {
					t.Errorf("act %d = %v", i, e)
				}
			}
		})
	}
	wg.Wait()
}

// admission is the least that can be admitted.
func admission() ports.Admission {
	now := core.Round(time.Now())
	id := func() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }
	m := core.Image{
		ID: id(), Tenant: "acme", Bucket: "default", State: core.ImageProcessing, Owner: "ann", ContentType: "image/png", Bytes: 1000,
		SHA256: "00", Width: 4, Height: 3, Pages: 1, Metadata: json.RawMessage("{}"), Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	j := core.Job{
		ID: id(), Tenant: m.Tenant, ImageID: m.ID, State: core.JobQueued, Spec: json.RawMessage("[]"), SpecVersion: core.SpecVersion,
		SpecDigest: "d", RunAt: now, MaxAttempts: core.MaxAttempts, Owner: "ann", CreatedAt: now,
	}
	return ports.Admission{Image: m, Job: j}
}

func TestAHeartbeatStaysInItsPage(t *testing.T) {
	db := fresh(t)
	if err := (records.Images{DB: db}).Admit(t.Context(), admission()); err != nil {
		t.Fatal(err)
	}
	jobs := records.Jobs{DB: db}
	j, _, err := jobs.Claim(t.Context(), ports.Want{Worker: "w", Lease: time.Minute, SpecVersion: core.SpecVersion})
	if err != nil {
		t.Fatal(err)
	}
	// A session tells its statistics after a statement, once a second at most, and
	// after ten idle seconds: it is kept busy until it has told.
	const beats = 200
	var all, hot int
	for deadline := time.Now().Add(time.Minute); all < beats && time.Now().Before(deadline); {
		for range beats / 4 {
			if _, err := jobs.Beat(t.Context(), j, time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		if err := db.SQL().QueryRowContext(t.Context(), "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs'").Scan(&all, &hot); err != nil {
			t.Fatal(err)
		}
	}
	if all < beats || hot*100 < all*95 {
		t.Errorf("%d of %d changes of the row stayed in their page, want nearly all: an index has the lease", hot, all)
	}
}
