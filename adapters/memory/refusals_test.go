package memory_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/memory"
	"imgd/adapters/records"
	"imgd/core"
	"imgd/e2e/house"
	"imgd/ports"
)

// trail is the audit trail of a house, which counts who writes to it, or fails.
type trail struct {
	ports.Events
	asked  atomic.Int64
	broken atomic.Bool
}

func (t *trail) Refuse(ctx context.Context, tenant string, r core.Refusal) (bool, error) {
	t.asked.Add(1)
	if t.broken.Load() {
		return false, errors.New("the cable is out")
	}
	return t.Events.Refuse(ctx, tenant, r)
}

// clock is a time that a test moves.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.Load()) }
func (c *clock) advance(d time.Duration) { c.Add(int64(d)) }

// guarded are refusals over a real trail. end stops Run and waits for it.
func guarded(t *testing.T, most, keep int) (h *house.House, under *trail, r *memory.Refusals, c *clock, end func()) {
	t.Helper()
	h = house.New(t)
	under, c = &trail{Events: records.Events{DB: h.DB}}, &clock{}
	r = &memory.Refusals{Events: under, Window: time.Minute, Most: most, Keep: keep, Now: c.now, Lost: func(err error) { t.Logf("lost: %v", err) }}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx) })
	end = func() { cancel(); running.Wait() }
	t.Cleanup(end)
	return h, under, r, c, end
}

func refusal(m core.Image, subject string, i int) core.Refusal {
	return core.Refusal{
		ImageID: m.ID, Operation: "deleteImage", Problem: core.Slug(core.Forbidden),
		By: core.Actor{Subject: subject, CorrelationID: fmt.Sprint("c-", i), Address: "192.0.2.1"},
	}
}

// told are the details of the refusals in the trail, the oldest first.
func told(t *testing.T, h *house.House) (events []core.Event, details []map[string]any) {
	t.Helper()
	events, err := records.Events{DB: h.DB}.OfTenant(t.Context(), "acme", core.EventFilter{Type: core.AccessRefused}, core.Page{Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(events)
	for _, e := range events {
		var d map[string]any
		if err := json.Unmarshal(e.Detail, &d); err != nil {
			t.Fatal(err)
		}
		details = append(details, d)
	}
	return events, details
}

func refuse(t *testing.T, r *memory.Refusals, what core.Refusal) {
	t.Helper()
	if _, err := r.Refuse(t.Context(), "acme", what); err != nil {
		t.Fatal(err)
	}
}

func TestTenThousandRefusalsOfOneCallerAreTwoWrites(t *testing.T) {
	h, under, r, _, end := guarded(t, 100, 1000)
	m := h.Accept(t, "").Record.Image
	var all sync.WaitGroup
	for w := range 10 {
		all.Go(func() {
			for i := range 1000 {
				refuse(t, r, refusal(m, "wim", w*1000+i))
			}
		})
	}
	all.Wait()
	if n := under.asked.Load(); n != 1 {
		t.Errorf("10,000 equal refusals asked the store %d times, want once", n)
	}
	end()
	events, details := told(t, h)
	if len(events) != 2 || details[0]["times"] != nil || details[1]["times"] != 9999.0 || details[1]["others"] != nil {
		t.Fatalf("10,000 equal refusals are %v, want the first and one that counts the others", details)
	}
	for _, e := range events {
		if e.Actor != "wim" || e.ImageID != m.ID || e.Address != "192.0.2.1" || e.CorrelationID == "" {
			t.Errorf("a refusal is %+v", e)
		}
	}
}

func TestWhoIsRefusedManyThingsIsRecordedUpToALimit(t *testing.T) {
	h, under, r, c, end := guarded(t, 3, 1000)
	var images []core.Image
	for i := range 8 {
		images = append(images, h.Accept(t, fmt.Sprint(i)).Record.Image)
	}
	for i := range 10_000 {
		refuse(t, r, refusal(images[i%len(images)], "wim", i))
	}
	refuse(t, r, refusal(images[0], "lou", 0)) // somebody else pays nothing for it
	if n := under.asked.Load(); n != 4 {
		t.Errorf("10,001 refusals asked the store %d times, want 3 for the one and 1 for the other", n)
	}
	c.advance(time.Minute)
	refuse(t, r, refusal(images[7], "wim", 1)) // a new while has begun
	end()
	_, details := told(t, h)
	var times, others float64
	for _, d := range details {
		for name, sum := range map[string]*float64{"times": &times, "others": &others} {
			if v, ok := d[name].(float64); ok {
				*sum += v
			}
		}
	}
	if len(details) != 8 || times+3+others != 10_000 || others != 5*1250 {
		t.Errorf("the trail has %d events which count %v and %v others, want 8 for 10,000, of which 6250 are others: %v", len(details), times, others, details)
	}
}

func TestWhatIsMadeUpFillsNothing(t *testing.T) {
	h, _, r, _, _ := guarded(t, 3, 1000)
	m := h.Accept(t, "").Record.Image
	for i := range 50 {
		refuse(t, r, refusal(core.Image{ID: house.NewID()}, "wim", i))
	}
	refuse(t, r, refusal(m, "wim", 0))
	if events, _ := told(t, h); len(events) != 1 || events[0].ImageID != m.ID {
		t.Errorf("after 50 refusals of nothing the trail has %d, want the one of the image", len(events))
	}
}

func TestAHiddenRefusalIsRecordedBehindItsCallersBack(t *testing.T) {
	h, under, r, _, _ := guarded(t, 3, 1000)
	m := h.Accept(t, "").Record.Image
	hidden := refusal(m, "wim", 1)
	hidden.Answer = core.Slug(core.NotFound)
	release := hold(t, h)
	began := time.Now()
	refuse(t, r, hidden)
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("it took %v while the database was busy, want no time", took)
	}
	release()
	for range 200 {
		if events, _ := told(t, h); len(events) == 1 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	events, details := told(t, h)
	if len(events) != 1 || details[0]["answer"] != "not-found" || events[0].CorrelationID != "c-1" || under.asked.Load() != 1 {
		t.Errorf("the trail has %v, want the one", details)
	}
}

// hold keeps the database from being written to.
func hold(t *testing.T, h *house.House) (release func()) {
	t.Helper()
	conn, err := h.DB.SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if _, err := conn.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
	}
}

func TestARefusalThatCouldNotBeRecordedIsTriedAgain(t *testing.T) {
	h, under, r, _, _ := guarded(t, 3, 1000)
	m := h.Accept(t, "").Record.Image
	under.broken.Store(true)
	if _, err := r.Refuse(t.Context(), "acme", refusal(m, "wim", 1)); err == nil {
		t.Error("what the store does not take is reported as recorded")
	}
	under.broken.Store(false)
	refuse(t, r, refusal(m, "wim", 2))
	if events, _ := told(t, h); len(events) != 1 || events[0].CorrelationID != "c-2" {
		t.Errorf("the trail has %+v, want the second", events)
	}
}

func TestTheMemoryOfRefusalsIsBounded(t *testing.T) {
	h, _, r, c, end := guarded(t, 3, 10)
	m := h.Accept(t, "").Record.Image
	for i := range 50 {
		c.advance(time.Millisecond)
		for range 2 {
			refuse(t, r, refusal(m, fmt.Sprint("caller ", i), i))
		}
		if n := r.Callers(); n > 10 {
			t.Fatalf("%d callers are remembered, want 10 at most", n)
		}
	}
	end()
	if events, _ := told(t, h); len(events) != 100 {
		t.Errorf("50 callers that were refused twice are in %d events, want 100: what was counted is not lost", len(events))
	}
}
