package portstest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"imgd/core"
	"imgd/ports"
)

// JobMachine plays random sequences of everything that moves a job, by workers
// that remember every lease they ever had, and compares the store with a model
// after each step. open returns an empty store.
func JobMachine(t *testing.T, open func(*testing.T) *Store) {
	t.Run("keeps its laws", func(t *testing.T) {
		s := open(t)
		rapid.Check(t, func(rt *rapid.T) {
			if err := play(t.Context(), s, evenly(rt)); err != nil {
				rt.Fatal(err)
			}
		})
	})
	for name, quiet := range map[string]bool{"a store without a fence is caught": false, "a store whose fence only says so is caught": true} {
		t.Run(name, func(t *testing.T) {
			const runs = 30
			s := open(t)
			s.Jobs = unfenced{s.Jobs, s.Control, quiet}
			for seed := range uint64(runs) {
				chance := rand.New(rand.NewPCG(seed, 1)) // #nosec G404 -- a run that can be repeated
				err := play(t.Context(), s, func(n int, _ string) int { return chance.IntN(n) })
				if broken, ok := errors.AsType[*violation](err); ok {
					t.Logf("run %d: %v", seed, broken)
					return
				}
				must(t, err)
			}
			t.Errorf("workers without a lease wrote for %d runs, and no law was found broken", runs)
		})
	}
}

// evenly picks without rapid's fondness for small numbers, which would have few
// steps follow the first ones; and a run still shrinks towards them.
func evenly(rt *rapid.T) func(n int, label string) int {
	const bits = 12
	coin := rapid.Bool()
	return func(n int, label string) int {
		u := 0
		for range bits {
			u <<= 1
			if coin.Draw(rt, label) {
				u++
			}
		}
		return u * n >> bits
	}
}

// machine is a store, what it should hold, and the hands that move it.
type machine struct {
	*Store
	pick   func(n int, label string) int
	images []*imageModel
	jobs   []*jobModel // in the order of their birth
	claims []claim     // all that there ever were
	marks  int         // tells the bytes of variants apart
	log    []string
}

// claim is what a worker remembers.
type claim struct {
	core.Job
	of *jobModel
}

func (m *machine) did(format string, args ...any) {
	m.log = append(m.log, fmt.Sprintf(format, args...))
}

// play makes up to thirty steps, each of which may break a law, and leaves the
// store without anything to do.
func play(ctx context.Context, s *Store, pick func(n int, label string) int) (err error) {
	m := &machine{Store: s, pick: pick}
	defer func() {
		for _, i := range m.images {
			err = errors.Join(err, s.Images.Delete(context.WithoutCancel(ctx), acme, i.ID, ports.Removal{By: ann}))
		}
	}()
	for range 10 + pick(21, "steps") {
		if err := m.step(ctx); err != nil {
			return fmt.Errorf("%w\n%s", err, strings.Join(m.log, "\n"))
		}
	}
	if err := m.drain(ctx); err != nil {
		return fmt.Errorf("%w\n%s", err, strings.Join(m.log, "\n"))
	}
	return nil
}

func (m *machine) step(ctx context.Context) error {
	steps := []func(context.Context) error{
		m.stepAdmit, m.stepAdmit, m.stepAdd, m.stepClaim, m.stepClaim, m.stepClaim, m.stepBeat, m.stepPublish, m.stepFinish, m.stepFinish,
		m.stepExpire, m.stepExpire, m.stepReap, m.stepMakeDue, m.stepCancel, m.stepRetry, m.stepDelete,
	}
	if err := steps[m.pick(len(steps), "step")](ctx); err != nil {
		return err
	}
	return m.laws(ctx)
}

// stepAdmit admits a job that may be close to the end of a budget.
func (m *machine) stepAdmit(ctx context.Context) error {
	if len(m.images) == 4 {
		return nil
	}
	a := admission(acme)
	a.Job.Priority = int64(m.pick(2, "priority"))
	a.Job.Attempt = int64(m.pick(2, "tired")) * (core.MaxAttempts - 2)
	a.Job.Crashes = int64(m.pick(2, "crashed")) * (core.MaxCrashes - 1)
	a.Job.Lost = int64(m.pick(2, "lost")) * (core.MaxLost - 2)
	i := &imageModel{Image: a.Image, variants: map[string]*variantModel{}}
	m.images = append(m.images, i)
	m.bear(i, a.Job, a.Variants)
	m.did("admit job %d: priority %d, attempt %d, crashes %d, lost %d", len(m.jobs)-1, a.Job.Priority, a.Job.Attempt, a.Job.Crashes, a.Job.Lost)
	return m.Store.Images.Admit(ctx, a)
}

func (m *machine) stepAdd(ctx context.Context) error {
	if len(m.images) == 0 || len(m.jobs) >= 8 {
		return nil
	}
	i := m.images[m.pick(len(m.images), "image")]
	digest, names := "digest-1", []string{"large", "small"}
	if m.pick(2, "digest") == 1 {
		digest, names = "digest-2", []string{"small", "tiny"}
	}
	j, force := order(i.Image, digest), m.pick(2, "force") == 1
	wish := wishes(j, names...)
	got, added, err := m.Control.Add(ctx, ports.Addition{Job: j, Variants: wish, Force: force})
	m.did("add %s to the image of job %d, force %v: added %v, %v", digest, i.jobs[0].birth, force, added, err)
	if i.gone {
		return refused(err, core.Slug(core.NotFound))
	}
	if err != nil {
		return err
	}
	if twin := i.twin(digest, force); twin != nil {
		if added || got.ID != twin.ID {
			return broke("Add", "it is job %s, added %v, where job %d makes the same", got.ID, added, twin.birth)
		}
		return nil
	}
	if !added || got.ID != j.ID {
		return broke("Add", "it is job %s, added %v, where none makes the same", got.ID, added)
	}
	m.bear(i, j, wish)
	return nil
}

func (m *machine) stepClaim(ctx context.Context) error {
	w := want(fmt.Sprint("w", m.pick(3, "worker")), "")
	expected := m.mostUrgent()
	if len(m.jobs) > 0 && m.pick(2, "hint") == 1 {
		expected = m.jobs[m.pick(len(m.jobs), "job")]
		w.Only = expected.ID
		if !expected.due() {
			expected = nil
		}
	}
	j, _, err := m.Jobs.Claim(ctx, w)
	m.did("%s claims %s: epoch %d, %v", w.Worker, m.name(j.ID), j.Epoch, err)
	if expected == nil {
		return refused(err, core.Slug(core.NotFound))
	}
	if err != nil {
		return broke("every queued row is claimable", "job %d is due, and Claim = %v", expected.birth, err)
	}
	if j.ID != expected.ID {
		return broke("the most urgent first", "Claim takes %s, want job %d", m.name(j.ID), expected.birth)
	}
	expected.claimed(w.Worker)
	m.claims = append(m.claims, claim{j, expected})
	return expected.same(j)
}

// aClaim is any there ever was, more often than not one of the last.
func (m *machine) aClaim() claim {
	if m.pick(2, "recent") == 0 {
		return m.claims[len(m.claims)-1-m.pick(min(3, len(m.claims)), "claim")]
	}
	return m.claims[m.pick(len(m.claims), "claim")]
}

func (m *machine) stepBeat(ctx context.Context) error {
	if len(m.claims) == 0 {
		return nil
	}
	c := m.aClaim()
	asked, err := m.Jobs.Beat(ctx, c.Job, lease)
	m.did("%s beats for job %d, epoch %d: %v", c.Worker, c.of.birth, c.Epoch, err)
	if !c.holds() {
		return refused(err, core.LeaseLost)
	}
	c.of.expired = false
	if err == nil && asked != (c.of.CancelAt != nil) {
		return broke("Beat", "it says %v of the cancellation of job %d", asked, c.of.birth)
	}
	return err
}

// someVariants are what a worker may have of a job: each name ready, bad or not yet.
func (m *machine) someVariants(c claim) (vs []core.Variant) {
	for _, name := range c.of.names {
		m.marks++
		switch m.pick(3, name) {
		case 1:
			vs = append(vs, made(c.Job, name, fmt.Sprint(m.marks)))
		case 2:
			vs = append(vs, spoiled(c.Job, name))
		}
	}
	return vs
}

func (m *machine) stepPublish(ctx context.Context) error {
	if len(m.claims) == 0 {
		return nil
	}
	c := m.aClaim()
	vs := m.someVariants(c)
	err := m.Jobs.Publish(ctx, c.Job, vs)
	m.did("%s publishes %d variants of job %d, epoch %d: %v", c.Worker, len(vs), c.of.birth, c.Epoch, err)
	if !c.holds() {
		return refused(err, core.LeaseLost)
	}
	c.of.published(vs)
	return err
}

func (m *machine) stepFinish(ctx context.Context) error {
	if len(m.claims) == 0 {
		return nil
	}
	c := m.aClaim()
	outcomes := []core.Outcome{core.Succeeded, core.Rejected, core.Erred, core.Crashed, core.Buried, core.Released, core.Stopped}
	r := ports.Result{Outcome: outcomes[m.pick(len(outcomes), "outcome")], Variants: m.someVariants(c), Wait: forever}
	if r.Outcome != core.Succeeded {
		r.Error = because(core.DecoderCrashed)
	}
	done, err := m.Jobs.Finish(ctx, c.Job, r)
	m.did("%s ends job %d, epoch %d, as %s with %d variants: %v", c.Worker, c.of.birth, c.Epoch, r.Outcome, len(r.Variants), err)
	switch {
	case c.holds():
		c.of.finished(r)
	case c.of.ended[c.Epoch] != r.Outcome:
		return refused(err, core.LeaseLost)
	}
	if err != nil || c.of.image.gone {
		return err
	}
	return c.of.same(done)
}

func (m *machine) stepExpire(ctx context.Context) error {
	j := m.some(func(j *jobModel) bool { return j.State == core.JobRunning })
	if j == nil {
		return nil
	}
	m.did("the lease of job %d runs out", j.birth)
	j.expired = true
	return m.Expire(ctx, j.ID)
}

func (m *machine) stepReap(ctx context.Context) error {
	reaped, err := m.Jobs.Reap(ctx)
	if err != nil {
		return err
	}
	got := map[core.ID]core.Job{}
	for _, j := range reaped {
		got[j.ID] = j
	}
	m.did("%d jobs are reaped", len(reaped))
	for _, j := range m.jobs {
		row, was := got[j.ID]
		if was != j.expired {
			return broke("L4", "the lease of job %d has run out: %v, reaped: %v", j.birth, j.expired, was)
		}
		if !was {
			continue
		}
		j.reaped()
		if err := j.same(row); err != nil {
			return err
		}
		if j.State == core.JobQueued && j.Lost > 1 { // it waits for a time of chance
			if err := m.MakeDue(ctx, j.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *machine) stepMakeDue(ctx context.Context) error {
	j := m.some(func(j *jobModel) bool { return j.State == core.JobQueued && j.waits })
	if j == nil {
		return nil
	}
	m.did("job %d becomes due", j.birth)
	j.waits = false
	return m.MakeDue(ctx, j.ID)
}

func (m *machine) stepCancel(ctx context.Context) error {
	j := m.some(func(*jobModel) bool { return true })
	if j == nil {
		return nil
	}
	row, err := m.Control.Cancel(ctx, acme, j.ID, ann)
	m.did("cancel job %d: %v", j.birth, err)
	switch {
	case j.image.gone:
		return refused(err, core.Slug(core.NotFound))
	case j.State.Final():
		return refused(err, core.JobStateConflict)
	case err != nil:
		return err
	}
	j.cancelled()
	return j.same(row)
}

func (m *machine) stepRetry(ctx context.Context) error {
	j := m.some(func(j *jobModel) bool { return j.State.Final() || m.pick(4, "any") == 0 })
	if j == nil {
		return nil
	}
	row, err := m.Control.Retry(ctx, acme, j.ID, "", ann)
	m.did("retry job %d: %v", j.birth, err)
	switch {
	case j.image.gone:
		return refused(err, core.Slug(core.NotFound))
	case !j.Retryable() || j.image.twin(j.SpecDigest, true) != nil:
		return refused(err, core.JobStateConflict)
	case err != nil:
		return err
	}
	j.retried()
	return j.same(row)
}

func (m *machine) stepDelete(ctx context.Context) error {
	if len(m.images) == 0 || m.pick(2, "really") == 0 {
		return nil
	}
	i := m.images[m.pick(len(m.images), "image")]
	m.did("delete the image of job %d", i.jobs[0].birth)
	i.deleted()
	return m.Store.Images.Delete(ctx, acme, i.ID, ports.Removal{By: ann})
}

// drain makes whatever is queued due and expects workers to take all of it.
func (m *machine) drain(ctx context.Context) error {
	for _, j := range m.jobs {
		if j.State == core.JobQueued {
			j.waits = false
			if err := m.MakeDue(ctx, j.ID); err != nil {
				return err
			}
		}
	}
	for _, i := range m.images {
		i.buried = false // a last look at what was deleted
	}
	m.did("everything becomes due")
	if err := m.laws(ctx); err != nil {
		return err
	}
	m.pick = func(int, string) int { return 0 } // the most urgent, without a hint
	for m.mostUrgent() != nil {
		if err := m.stepClaim(ctx); err != nil {
			return err
		}
	}
	return m.stepClaim(ctx) // and there is no more
}
