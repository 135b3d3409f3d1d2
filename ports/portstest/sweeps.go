package portstest

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// mark plans sweeps without a grace.
func (s *Store) mark(t *testing.T, want int, keys ...string) {
	t.Helper()
	if n, err := s.House.Mark(t.Context(), keys, 0); n != want || err != nil {
		t.Errorf("Mark of %q = %d, %v, want %d", keys, n, err, want)
	}
}

// republish has a new job of a make the variant small of the mark, with the
// sweeps of keys planned before it publishes.
func (s *Store) republish(t *testing.T, m core.Image, mark string, keys ...string) {
	t.Helper()
	s.add(t, m, "digest-"+mark, true, "small")
	j := s.claim(t, "w1", "")
	if len(keys) > 0 {
		s.mark(t, len(keys), keys...)
	}
	s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", mark)}})
}

func (s *Store) expectDue(t *testing.T, when string, keys ...string) {
	t.Helper()
	var got []string
	for _, w := range s.due(t, 100) {
		got = append(got, w.BlobKey)
	}
	slices.Sort(got)
	slices.Sort(keys)
	if !slices.Equal(got, keys) {
		t.Errorf("%s, due are %q, want %q", when, got, keys)
	}
}

func (s *Store) expectWaiting(t *testing.T, when string, late time.Duration, all, overdue int64) {
	t.Helper()
	if n, m, err := s.House.Waiting(t.Context(), late); n != all || m != overdue || err != nil {
		t.Errorf("%s, waiting are %d sweeps, %d of them overdue (%v), want %d and %d", when, n, m, err, all, overdue)
	}
}

func houseSpares(t *testing.T, s *Store) {
	a, first := s.finished(t)
	small, large := made(first, "small", "1").BlobKey, made(first, "large", "1").BlobKey
	s.republish(t, a.Image, "2")
	s.mark(t, 1, small)
	s.expectDue(t, "after a variant was replaced", small)
	s.republish(t, a.Image, "1") // the old bytes serve again
	s.expectWaiting(t, "after the old one was published again", 0, 0, 0)
	s.expectDue(t, "after the old one was published again")
	s.republish(t, a.Image, "3", made(first, "small", "2").BlobKey)
	s.add(t, a.Image, "digest-live", false, "tiny")
	s.expectDue(t, "while a job of the image is queued")
	j := s.claim(t, "w1", "")
	s.expectDue(t, "while it runs")
	s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "tiny", "1")}})
	s.expectWaiting(t, "while a sweep is put off", -forever, 1, 1)
	s.expectWaiting(t, "while a sweep is put off", 0, 1, 0)

	// What a restored database says of an image that it has among the living.
	gone := s.deleted(t)
	stray := "o/" + string(newID())
	s.mark(t, 1, stray)
	if err := s.Plan(t.Context(), a.Image.OriginalKey(), "v/"+string(a.Image.ID)+"/", large); err != nil {
		t.Fatal(err)
	}
	s.expectDue(t, "with sweeps of what is needed among them", stray, gone.OriginalKey(), "v/"+string(gone.ID)+"/")
	for range 3 {
		if err := s.Plan(t.Context(), large); err != nil {
			t.Fatal(err)
		}
		if due := s.due(t, 1); len(due) != 1 || due[0].BlobKey == large {
			t.Errorf("the first due is %+v, want one that nothing needs", due)
		}
	}
}

func houseMarks(t *testing.T, s *Store) {
	a, j := s.finished(t)
	stray := []string{"o/" + string(newID()), "v/" + string(a.Image.ID) + "/old.webp"}
	known := []string{a.Image.OriginalKey(), made(j, "small", "1").BlobKey}
	if n, err := s.House.Mark(t.Context(), slices.Concat(stray, known), forever); n != 2 || err != nil {
		t.Errorf("Mark = %d, %v, want the 2 that nothing needs", n, err)
	}
	s.expectDue(t, "within the grace")
	s.expectWaiting(t, "within the grace", 0, 2, 0)
	expectUnknown(t, s, "after they were marked", stray, nil)
	s.mark(t, 0, stray...) // they have their time already
	s.expectDue(t, "after they were marked again")
	s.mark(t, 0)
	var many []string
	for i := range 1300 {
		many = append(many, fmt.Sprintf("v/x/%d.webp", i))
	}
	s.mark(t, 1300, many...)
	s.expectWaiting(t, "after many were marked", 0, 1302, 1300)
}

func houseNeeds(t *testing.T, s *Store) {
	want := map[string]ports.Need{}
	var order []string
	for i := range 3 {
		a, j := s.finished(t)
		order = append(order, a.Image.OriginalKey())
		want[a.Image.OriginalKey()] = ports.Need{Image: a.Image.ID, Key: a.Image.OriginalKey(), Bytes: a.Image.Bytes, SHA256: a.Image.SHA256}
		for _, name := range []string{"large", "small"} {
			v := made(j, name, "1")
			want[v.BlobKey] = ports.Need{Image: a.Image.ID, Variant: name, Key: v.BlobKey, Bytes: v.Bytes, SHA256: v.SHA256}
		}
		if i == 1 {
			s.admit(t, func(a *ports.Admission) { *a = admission(globex) }) // nothing of it is made yet
		}
	}
	s.deleted(t)
	var got []string
	for n, err := range s.House.Needed(t.Context()) {
		must(t, err)
		got = append(got, n.Key)
		if w, ok := want[n.Key]; ok {
			expect(t, "a need", n, w)
			delete(want, n.Key)
		}
	}
	if len(want) > 0 || len(got) != 10 {
		t.Errorf("needed are %q, want 4 originals and 6 variants", got)
	}
	if !slices.IsSorted(got) || got[0] != order[0] {
		t.Errorf("they come as %q, want the originals first, in the order of their images", got)
	}
	for range s.House.Needed(t.Context()) {
		break // whoever stops early leaves nothing open
	}
}

func houseGenerations(t *testing.T, s *Store) {
	expectIs := func(want ports.Generation) {
		t.Helper()
		g, age, err := s.House.Generation(t.Context())
		if g != want || age < 0 || age > time.Minute || err != nil {
			t.Errorf("Generation = %+v, %s, %v, want %+v of this moment", g, age, err, want)
		}
	}
	expectIs(ports.Generation{})
	one, two := ports.Generation{Current: "1"}, ports.Generation{Current: "2", Previous: "1"}
	for i, step := range []struct {
		was, is ports.Generation
		want    bool
	}{
		{one, two, false},
		{ports.Generation{}, one, true},
		{ports.Generation{}, two, false},
		{two, one, false},
		{one, two, true},
		{one, two, false},
		{ports.Generation{Current: "2"}, one, false},
	} {
		if met, err := s.House.Meet(t.Context(), step.was, step.is); met != step.want || err != nil {
			t.Errorf("step %d: Meet(%+v, %+v) = %v, %v, want %v", i, step.was, step.is, met, err, step.want)
		}
	}
	expectIs(two)
	var winners atomic.Int64
	for _, err := range race(racers, func(i int) error {
		met, err := s.House.Meet(t.Context(), two, ports.Generation{Current: fmt.Sprint("c", i), Previous: "2"})
		if met {
			winners.Add(1)
		}
		return err
	}) {
		must(t, err)
	}
	if n := winners.Load(); n != 1 {
		t.Errorf("%d of %d begin the next generation, want 1", n, racers)
	}
}
