package portstest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"imgd/core"
	"imgd/ports"
)

// Store is one empty store of records as an adapter's test opens it, with the two
// hands on the clock that spare the suites from waiting.
type Store struct {
	Images     ports.Images
	Control    ports.JobControl
	Jobs       ports.Jobs
	Answers    ports.Idempotency
	Events     ports.Events
	House      ports.Housekeeping
	Stats      ports.Stats
	Backlog    ports.Backlog
	Workers    ports.Workers
	Tenants    ports.Tenants
	Tombstones ports.Tombstones
	// Quotas are those of tenants, whose reservations are kept for hold.
	Quotas func(of func(tenant string) core.Quota, hold time.Duration) ports.Quotas

	// Expire puts the end of a running job's lease into the past.
	Expire func(ctx context.Context, job core.ID) error
	// MakeDue makes a queued job due now.
	MakeDue func(ctx context.Context, job core.ID) error
	// Plan writes sweeps that are due, whoever needs the objects.
	Plan func(ctx context.Context, keys ...string) error
	// RunOut puts the end of a reservation into the past.
	RunOut func(ctx context.Context, reservation core.ID) error
	// Spoil makes what is kept of a tenant's usage wrong.
	Spoil func(ctx context.Context, tenant string) error
	// Traces reads what the rows of an image, a tombstone too, tell of its content.
	Traces func(ctx context.Context, image core.ID) (string, error)
}

// Traces is the query of Store.Traces; the id is its one parameter.
const Traces = `SELECT blurhash || thumbhash || phash || CAST(palette AS text) ||
	COALESCE((SELECT CAST(document AS text) FROM embedded WHERE image_id = images.id), '')
	FROM images WHERE id = $1`

const (
	acme    = "acme"
	globex  = "globex"
	lease   = time.Minute
	racers  = 12
	forever = time.Hour // as far as a test is concerned
)

var ann = core.Actor{Subject: "ann", CorrelationID: "c-ann", Address: "2001:db8::7"}

func newID() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }

// admission is an upload of tenant with every field filled, and two variants.
func admission(tenant string) ports.Admission {
	now := core.Round(time.Now())
	m := core.Image{
		ID: newID(), Tenant: tenant, Bucket: "holiday/2026", State: core.ImageProcessing, Owner: "ann",
		Filename: "beach.jpg", ContentType: "image/jpeg", Bytes: 123456, SHA256: strings.Repeat("ab", 32),
		Width: 4000, Height: 3000, Pages: 1, HasAlpha: true, MemoryBytes: 48_000_000, Metadata: json.RawMessage(`{"a":{"b":[1,"two"]}}`),
		Warnings: core.Warnings{{Slug: "truncated", Detail: "it ends early"}}, Version: 1, CreatedAt: now, UpdatedAt: now,
	}
	j := order(m, "digest-1")
	return ports.Admission{Image: m, Job: j, Address: "192.0.2.1", Variants: wishes(j, "large", "small")}
}

// order is a new job for m.
func order(m core.Image, digest string) core.Job {
	return core.Job{
		ID: newID(), Tenant: m.Tenant, ImageID: m.ID, State: core.JobQueued, Spec: json.RawMessage(`[{"name":"small"}]`),
		SpecVersion: core.SpecVersion, SpecDigest: digest, Priority: 5, RunAt: m.CreatedAt, MaxAttempts: core.MaxAttempts,
		Owner: "ann", CorrelationID: "c-1", Traceparent: "00-1-2-01", CreatedAt: core.Round(time.Now()),
	}
}

// wishes are the pending variants of j.
func wishes(j core.Job, names ...string) (vs []core.Variant) {
	for _, name := range names {
		vs = append(vs, core.Variant{
			ImageID: j.ImageID, Name: name, Tenant: j.Tenant, JobID: j.ID, State: core.VariantPending,
			Transform: "w=" + name, CreatedAt: j.CreatedAt, UpdatedAt: j.CreatedAt,
		})
	}
	return vs
}

// made is a variant that j has rendered, in bytes that tell of mark.
func made(j core.Job, name, mark string) core.Variant {
	return core.Variant{
		ImageID: j.ImageID, Name: name, Tenant: j.Tenant, JobID: j.ID, State: core.VariantIsReady, Transform: "w=" + name,
		BlobKey: "v/" + string(j.ImageID) + "/" + name + "-" + mark + ".webp", ContentType: "image/webp", Bytes: 77,
		SHA256: mark, Width: 150, Height: 100, Pages: 1,
	}
}

// spoiled is a variant that j could not make.
func spoiled(j core.Job, name string) core.Variant {
	v := made(j, name, "")
	v.State, v.BlobKey, v.Error = core.VariantIsBad, "", core.FailureOf(core.TransformUnsupported.Errorf("no such step").With("key", "wm"))
	return v
}

func because(slug core.Slug) *core.Failure { return core.FailureOf(slug.Errorf("it is %s", slug)) }

// admit records an upload of acme that edits have changed.
func (s *Store) admit(t *testing.T, edits ...func(*ports.Admission)) ports.Admission {
	t.Helper()
	a := admission(acme)
	for _, edit := range edits {
		edit(&a)
	}
	if err := s.Images.Admit(t.Context(), a); err != nil {
		t.Fatalf("Admit = %v", err)
	}
	return a
}

// claim takes the one job, which has to be due.
func (s *Store) claim(t *testing.T, worker string, only core.ID) core.Job {
	t.Helper()
	j, _, err := s.Jobs.Claim(t.Context(), want(worker, only))
	if err != nil {
		t.Fatalf("Claim(%s) = %v", only, err)
	}
	return j
}

func want(worker string, only core.ID) ports.Want {
	return ports.Want{Worker: worker, Lease: lease, Only: only, SpecVersion: core.SpecVersion}
}

func (s *Store) finish(t *testing.T, j core.Job, r ports.Result) core.Job {
	t.Helper()
	done, err := s.Jobs.Finish(t.Context(), j, r)
	if err != nil {
		t.Fatalf("Finish(%s) = %v", r.Outcome, err)
	}
	return done
}

func (s *Store) record(t *testing.T, id core.ID) core.Record {
	t.Helper()
	rec, err := s.Images.Image(t.Context(), acme, id)
	if err != nil {
		t.Fatalf("Image = %v", err)
	}
	return rec
}

func (s *Store) job(t *testing.T, id core.ID) core.Job {
	t.Helper()
	j, err := s.Control.Job(t.Context(), acme, id)
	if err != nil {
		t.Fatalf("Job = %v", err)
	}
	return j
}

// told lists the types of an image's events, the oldest first.
func (s *Store) told(t *testing.T, image core.ID) (types []core.EventType) {
	t.Helper()
	events, err := s.Events.OfImage(t.Context(), acme, image, core.Page{Limit: 200})
	if err != nil {
		t.Fatalf("OfImage = %v", err)
	}
	for _, e := range events {
		types = append([]core.EventType{e.Type}, types...)
	}
	return types
}

// last is an image's newest event.
func (s *Store) last(t *testing.T, image core.ID) core.Event {
	t.Helper()
	events, err := s.Events.OfImage(t.Context(), acme, image, core.Page{Limit: 1})
	if err != nil || len(events) != 1 {
		t.Fatalf("OfImage = %d events, %v", len(events), err)
	}
	return events[0]
}

// must fails the test at an error of what only prepares it.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func expectKind(t *testing.T, what string, err error, want core.Kind) {
	t.Helper()
	if got := core.KindOf(err); got != want {
		t.Errorf("%s = %v, of kind %q, want %q", what, err, got, want)
	}
}

func expectSlug(t *testing.T, what string, err error, want core.Slug) {
	t.Helper()
	if got := core.SlugOf(err); got != want {
		t.Errorf("%s = %v, want %s", what, err, want)
	}
}

func expectCancelled(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%s with a cancelled context = %v, want the context's own error", what, err)
	}
}

func expectStates(t *testing.T, rec core.Record, image core.ImageState, variants ...core.VariantState) {
	t.Helper()
	var got []core.VariantState
	for _, v := range rec.Variants {
		got = append(got, v.State)
	}
	if rec.Image.State != image || !reflect.DeepEqual(got, variants) {
		t.Errorf("the image is %s with variants %q, want %s with %q", rec.Image.State, got, image, variants)
	}
}

// expect compares structs; JSON as JSON, because an engine may write it in its
// own way.
func expect(t *testing.T, what string, got, want any, but ...cmp.Option) {
	t.Helper()
	but = append(but, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b json.RawMessage) bool {
		var x, y any
		return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
	}))
	if diff := cmp.Diff(want, got, but...); diff != "" {
		t.Errorf("%s differs from what is wanted (-want +got):\n%s", what, diff)
	}
}

// race calls f from n goroutines at once and returns their errors.
func race(n int, f func(i int) error) []error {
	var (
		wg   sync.WaitGroup
		errs = make([]error, n)
		gun  = make(chan struct{})
	)
	for i := range n {
		wg.Go(func() {
			<-gun
			errs[i] = f(i)
		})
	}
	close(gun)
	wg.Wait()
	return errs
}

// oneWinner expects one of errs to be nil and the others to have the slug.
func oneWinner(t *testing.T, what string, errs []error, loser core.Slug) (winner int) {
	t.Helper()
	wins := 0
	for i, err := range errs {
		if err == nil {
			wins, winner = wins+1, i
		} else {
			expectSlug(t, what+" that lost", err, loser)
		}
	}
	if wins != 1 {
		t.Errorf("%d of %d racing calls of %s won, want 1", wins, len(errs), what)
	}
	return winner
}

func cancelled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
