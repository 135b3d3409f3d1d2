package sqlite

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/uuid"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
)

func newID() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }

// admission is the least that can be admitted.
func admission() ports.Admission {
	now := core.Round(time.Now())
	m := core.Image{
		ID: newID(), Tenant: "acme", Bucket: "default", State: core.ImageProcessing, Owner: "ann", ContentType: "image/png", Bytes: 1000,
		SHA256: "00", Width: 4, Height: 3, Pages: 1, Metadata: json.RawMessage("{}"), Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	j := core.Job{
		ID: newID(), Tenant: m.Tenant, ImageID: m.ID, State: core.JobQueued, Spec: json.RawMessage("[]"), SpecVersion: core.SpecVersion,
		SpecDigest: "d", RunAt: now, MaxAttempts: core.MaxAttempts, Owner: "ann", CreatedAt: now,
	}
	return ports.Admission{Image: m, Job: j}
}

func admit(t testing.TB, db *opened) ports.Admission {
	t.Helper()
	a := admission()
	if err := (records.Images{DB: db.DB}).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	return a
}

func set(t testing.TB, db *opened, query string, args ...any) {
	t.Helper()
	got, err := db.writer.ExecContext(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := got.RowsAffected(); n == 0 {
		t.Fatalf("%s changed nothing (%v)", query, err)
	}
}

func admitDue(t testing.TB, db *opened, at time.Time) core.ID {
	t.Helper()
	id := admit(t, db).Job.ID
	set(t, db, "UPDATE jobs SET run_at = ? WHERE id = ?", at, id)
	return id
}

func claim(t testing.TB, db *opened) core.Job {
	t.Helper()
	j, _, err := records.Jobs{DB: db.DB}.Claim(t.Context(), ports.Want{Worker: "w", Lease: time.Minute, SpecVersion: core.SpecVersion})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// over is a job that waited and ran as long as told and ended some time ago; it
// never ran when ran is 0.
func over(t testing.TB, db *opened, state core.JobState, ago, waited, ran time.Duration) {
	t.Helper()
	id, end := admit(t, db).Job.ID, time.Now().Add(-ago)
	start := end.Add(-ran)
	var started *time.Time
	if ran > 0 {
		started = &start
	}
	set(t, db, "UPDATE jobs SET state = ?, created_at = ?, started_at = ?, finished_at = ? WHERE id = ?", state, start.Add(-waited), started, end, id)
}

func TestStatsAreCountedFromRows(t *testing.T) {
	db := fresh(t)
	for i := range 20 { // the ranks of 20 are known: the 10th and the 19th
		n := time.Duration((i*7)%20 + 1) // in no order
		over(t, db, core.JobSucceeded, time.Minute, n*time.Second, n*10*time.Millisecond)
	}
	over(t, db, core.JobCancelled, time.Minute, time.Hour, 0) // never started: it counts, and has no times
	for range 2 {
		over(t, db, core.JobFailed, 2*time.Hour, time.Hour, time.Minute)
		over(t, db, core.JobDead, 2*time.Hour, time.Hour, time.Minute)
		over(t, db, core.JobDead, 25*time.Hour, 9*time.Hour, 9*time.Hour) // over for good
	}
	admit(t, db)
	claim(t, db)
	admit(t, db)
	gone := admit(t, db)
	if err := (records.Images{DB: db.DB}).Delete(t.Context(), "acme", gone.Image.ID, ports.Removal{}); err != nil {
		t.Fatal(err)
	}
	theirs := admission()
	theirs.Image.Tenant, theirs.Job.Tenant = "globex", "globex"
	if err := (records.Images{DB: db.DB}).Admit(t.Context(), theirs); err != nil {
		t.Fatal(err)
	}

	got, err := records.Stats{DB: db.DB}.Tenant(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	if got.Images != 29 || got.Bytes != 29_000 {
		t.Errorf("%d images of %d bytes, want the 29 that are there of 29000", got.Images, got.Bytes)
	}
	jobs := map[core.JobState]int64{core.JobSucceeded: 20, core.JobCancelled: 2, core.JobFailed: 2, core.JobDead: 4, core.JobRunning: 1, core.JobQueued: 1}
	if !maps.Equal(got.Jobs, jobs) {
		t.Errorf("jobs by state are %v, want %v", got.Jobs, jobs)
	}
	hour := core.Window{Finished: 22, Queue: core.Quantiles{P50: 10 * time.Second, P95: 19 * time.Second}, Run: core.Quantiles{P50: 100 * time.Millisecond, P95: 190 * time.Millisecond}}
	if got.Hour != hour {
		t.Errorf("the last hour is %+v, want %+v", got.Hour, hour)
	}
	day := core.Window{Finished: 26, Failures: 4, Queue: core.Quantiles{P50: 12 * time.Second, P95: time.Hour}, Run: core.Quantiles{P50: 120 * time.Millisecond, P95: time.Minute}}
	if got.Day != day {
		t.Errorf("the last day is %+v, want %+v", got.Day, day)
	}
	empty, err := records.Stats{DB: db.DB}.Tenant(t.Context(), "nobody")
	if err != nil || empty.Images != 0 || empty.Bytes != 0 || len(empty.Jobs) != 0 || empty.Hour != (core.Window{}) || empty.Day != (core.Window{}) {
		t.Errorf("the numbers of an unknown tenant are %+v (%v), want none", empty, err)
	}
}

func TestTheFleetIsCountedFromRows(t *testing.T) {
	db := fresh(t)
	if f, err := (records.Stats{DB: db.DB}).Fleet(t.Context(), "acme"); err != nil || f.Due+f.Running != 0 || f.OldestAge != 0 || len(f.Workers) != 0 {
		t.Errorf("the fleet of an empty database is %+v (%v), want nothing", f, err)
	}
	admit(t, db)
	claim(t, db)
	admitDue(t, db, time.Now().Add(-time.Hour))
	admitDue(t, db, time.Now().Add(-time.Minute))
	admitDue(t, db, time.Now().Add(time.Hour))
	f, err := records.Stats{DB: db.DB}.Fleet(t.Context(), "acme")
	if err != nil || f.Due != 2 || f.Running != 1 || f.OldestAge < time.Hour || f.OldestAge > time.Hour+time.Minute {
		t.Errorf("the fleet is %+v (%v), want 2 due, the oldest for an hour, and 1 running", f, err)
	}
}
