package portstest

import (
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Housekeeping holds a store to the promises of ports.Housekeeping. open returns
// an empty one.
func Housekeeping(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		t.Run("sweeps", func(t *testing.T) { houseSweeps(t, open(t)) })
		t.Run("unknown keys", func(t *testing.T) { houseUnknown(t, open(t)) })
		t.Run("many keys", func(t *testing.T) { houseManyKeys(t, open(t)) })
		t.Run("sweeps of what is needed", func(t *testing.T) { houseSpares(t, open(t)) })
		t.Run("marks", func(t *testing.T) { houseMarks(t, open(t)) })
		t.Run("what is needed", func(t *testing.T) { houseNeeds(t, open(t)) })
		t.Run("generations", func(t *testing.T) { houseGenerations(t, open(t)) })
	})
	t.Run("retention", func(t *testing.T) {
		t.Run("answers", func(t *testing.T) { houseExpire(t, open(t)) })
		t.Run("images that expire", func(t *testing.T) { houseExpiredImages(t, open(t)) })
		t.Run("jobs", func(t *testing.T) { houseOldJobs(t, open(t)) })
		t.Run("events", func(t *testing.T) { houseOldEvents(t, open(t)) })
		t.Run("tombstones", func(t *testing.T) { houseOldTombstones(t, open(t)) })
	})
	t.Run("absence", func(t *testing.T) { houseAbsence(t, open(t)) })
	t.Run("conflict", func(t *testing.T) { houseLead(t, open(t)) })
	t.Run("concurrency", func(t *testing.T) {
		s := open(t)
		var leaders atomic.Int64
		for _, err := range race(racers, func(i int) error {
			leads, err := s.House.Lead(t.Context(), "sweep", fmt.Sprint("w", i), lease)
			if leads {
				leaders.Add(1)
			}
			return err
		}) {
			must(t, err)
		}
		if n := leaders.Load(); n != 1 {
			t.Errorf("%d of %d lead, want 1", n, racers)
		}
	})
	t.Run("interruption", func(t *testing.T) { houseInterruption(t, open(t)) })
}

// deleted is an image without a grace, whose two sweeps are due.
func (s *Store) deleted(t *testing.T) core.Image {
	t.Helper()
	m := s.admit(t).Image
	must(t, s.Images.Delete(t.Context(), acme, m.ID, ports.Removal{By: ann}))
	return m
}

func (s *Store) due(t *testing.T, limit int) []core.Sweep {
	t.Helper()
	due, err := s.House.Due(t.Context(), limit)
	must(t, err)
	return due
}

func houseSweeps(t *testing.T, s *Store) {
	first := s.deleted(t)
	second := s.deleted(t)
	all := s.due(t, 100)
	if len(all) != 4 {
		t.Fatalf("%d sweeps of two deleted images are due, want 4", len(all))
	}
	for i, m := range []core.Image{first, first, second, second} {
		if k := all[i].BlobKey; k != m.OriginalKey() && k != "v/"+string(m.ID)+"/" {
			t.Errorf("sweep %d is of %s, want the objects of the older image first", i, k)
		}
	}
	expect(t, "a page of three", s.due(t, 3), all[:3])
	must(t, s.House.Swept(t.Context(), all[0]))
	must(t, s.House.Postpone(t.Context(), all[1], forever))
	expect(t, "what is due after one was swept and one put off", s.due(t, 100), all[2:])
	must(t, s.House.Postpone(t.Context(), all[2], 0))
	for _, w := range s.due(t, 100) {
		if tries := w.Tries; (w.ID == all[2].ID) != (tries == 1) {
			t.Errorf("the sweep of %s has been tried %d times, want 1 of the one put off", w.BlobKey, tries)
		}
	}
}

func houseUnknown(t *testing.T, s *Store) {
	living, theirs := s.admit(t), s.admit(t, func(a *ports.Admission) { *a = admission(globex) })
	j := s.claim(t, "w1", living.Job.ID)
	s.claim(t, "w1", theirs.Job.ID)
	v := made(j, "small", "1")
	must(t, s.Jobs.Publish(t.Context(), j, []core.Variant{v}))
	gone := s.admit(t).Image
	last := s.claim(t, "w1", "")
	must(t, s.Jobs.Publish(t.Context(), last, []core.Variant{made(last, "small", "1")}))
	must(t, s.Images.Delete(t.Context(), acme, gone.ID, ports.Removal{By: ann}))
	needed := []string{
		living.Image.OriginalKey(), theirs.Image.OriginalKey(), v.BlobKey,
		gone.OriginalKey(), made(last, "small", "1").BlobKey, "v/" + string(gone.ID) + "/large.webp",
	}
	stray := []string{"o/" + string(newID()), "v/" + string(living.Image.ID) + "/old.webp", "v/" + string(newID()) + "/a.webp", "x"}
	expectUnknown(t, s, "while sweeps are waiting", append(slices.Clone(needed), stray...), stray)
	for _, w := range s.due(t, 10) {
		must(t, s.House.Swept(t.Context(), w))
	}
	expectUnknown(t, s, "after them", append(slices.Clone(needed), stray...), append(slices.Clone(needed[3:]), stray...))
	must(t, s.Jobs.Publish(t.Context(), j, []core.Variant{made(j, "small", "2")}))
	expectUnknown(t, s, "after a successor was published", []string{v.BlobKey}, []string{v.BlobKey})
}

func expectUnknown(t *testing.T, s *Store, when string, keys, want []string) {
	t.Helper()
	got, err := s.House.Unknown(t.Context(), keys)
	must(t, err)
	got, want = slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))
	if !slices.Equal(got, want) {
		t.Errorf("%s, unknown are %q, want %q", when, got, want)
	}
}

func houseManyKeys(t *testing.T, s *Store) {
	var keys, stray []string
	for i := range 1300 {
		keys = append(keys, fmt.Sprintf("v/%d/%d.webp", i, i))
	}
	stray = slices.Clone(keys)
	for _, at := range []int{0, 499, 500, 1300} { // anywhere among them
		keys = slices.Insert(keys, at, s.admit(t).Image.OriginalKey())
	}
	expectUnknown(t, s, "of many keys", keys, stray)
}

func houseExpire(t *testing.T, s *Store) {
	for i, left := range []time.Duration{-forever, -time.Microsecond, forever} {
		k := request("a")
		k.Key = fmt.Sprint(i)
		s.begin(t, k, lease)
		s.admit(t, func(a *ports.Admission) {
			a.Answer = &ports.Answer{Key: k, Fingerprint: "f", Body: json.RawMessage(`{}`), ExpiresAt: core.Round(time.Now().Add(left))}
		})
	}
	s.begin(t, request("a"), 0) // a lock that ran out just now is its slow holder's for a while
	for i, wanted := range []int{2, 0} {
		if n, err := s.House.ForgetAnswers(t.Context(), 10); n != wanted || err != nil {
			t.Errorf("ForgetAnswers %d = %d, %v, want %d", i+1, n, err, wanted)
		}
	}
	s.answer(t, request("a"))
	k := request("b")
	k.Key = "2"
	if a, err := s.Answers.Begin(t.Context(), k, lease); a == nil || err != nil {
		t.Errorf("the answer of today is %+v, %v after ForgetAnswers, want it", a, err)
	}
}

func houseAbsence(t *testing.T, s *Store) {
	if due := s.due(t, 10); len(due) != 0 {
		t.Errorf("%d sweeps are due in an empty store, want none", len(due))
	}
	none := core.Sweep{ID: newID(), BlobKey: "o/none"}
	if err := s.House.Swept(t.Context(), none); err != nil {
		t.Errorf("Swept of nothing = %v, want nil", err)
	}
	if err := s.House.Postpone(t.Context(), none, lease); err != nil {
		t.Errorf("Postpone of nothing = %v, want nil", err)
	}
	expectUnknown(t, s, "of no keys", nil, nil)
	expectUnknown(t, s, "in an empty store", []string{"o/a", "v/a/b"}, []string{"o/a", "v/a/b"})
}

func houseLead(t *testing.T, s *Store) {
	for i, step := range []struct {
		duty, holder string
		ttl          time.Duration
		want         bool
	}{
		{"sweep", "w1", lease, true},
		{"sweep", "w2", lease, false},
		{"scan", "w2", lease, true}, // duties are apart
		{"sweep", "w1", 0, true},    // kept, and given up at once
		{"sweep", "w2", lease, true},
		{"sweep", "w1", lease, false},
	} {
		if leads, err := s.House.Lead(t.Context(), step.duty, step.holder, step.ttl); leads != step.want || err != nil {
			t.Errorf("step %d: Lead(%s, %s) = %v, %v, want %v", i, step.duty, step.holder, leads, err, step.want)
		}
	}
}

func houseInterruption(t *testing.T, s *Store) {
	s.deleted(t)
	ctx, was := cancelled(t), s.due(t, 10)
	_, err := s.House.Lead(ctx, "sweep", "w1", lease)
	expectCancelled(t, "Lead", err)
	if leads, err := s.House.Lead(t.Context(), "sweep", "w2", lease); !leads || err != nil {
		t.Errorf("Lead after an interrupted one = %v, %v, want true", leads, err)
	}
	expectCancelled(t, "Swept", s.House.Swept(ctx, was[0]))
	expectCancelled(t, "Postpone", s.House.Postpone(ctx, was[0], forever))
	_, err = s.House.Due(ctx, 10)
	expectCancelled(t, "Due", err)
	_, err = s.House.Unknown(ctx, []string{"o/a"})
	expectCancelled(t, "Unknown", err)
	_, err = s.House.Mark(ctx, []string{"o/a"}, 0)
	expectCancelled(t, "Mark", err)
	for _, err := range s.House.Needed(ctx) {
		expectCancelled(t, "Needed", err)
	}
	_, err = s.House.Meet(ctx, ports.Generation{}, ports.Generation{Current: "a"})
	expectCancelled(t, "Meet", err)
	for name, forget := range s.forgetting() {
		_, err := forget(ctx, -forever, 10)
		expectCancelled(t, name, err)
	}
	expect(t, "what is due after it", s.due(t, 10), was)
}
