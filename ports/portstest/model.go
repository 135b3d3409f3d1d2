package portstest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"imgd/core"
	"imgd/ports"
)

// violation is a law that was seen broken.
type violation struct{ law, detail string }

func (v *violation) Error() string { return v.law + ": " + v.detail }

func broke(law, format string, args ...any) error {
	return &violation{law, fmt.Sprintf(format, args...)}
}

// refused expects an error with the slug: anything else was not to be allowed.
func refused(err error, slug core.Slug) error {
	if core.SlugOf(err) != slug {
		return broke(string(slug), "the call that was to be refused with it = %v", err)
	}
	return nil
}

// imageModel is an image as it should be.
type imageModel struct {
	core.Image
	gone     bool
	buried   bool // and it was seen to be
	jobs     []*jobModel
	variants map[string]*variantModel
}

type variantModel struct {
	state core.VariantState
	by    *jobModel
	mark  string // of its bytes
}

func (v *variantModel) String() string {
	if v == nil {
		return "no such variant"
	}
	return fmt.Sprintf("%s of job %d with the bytes %q", v.state, v.by.birth, v.mark)
}

// jobModel is a job as it should be. Of its times only RunAt is known: it is read
// after each step.
type jobModel struct {
	core.Job
	image   *imageModel
	birth   int
	names   []string
	waits   bool                   // it is not due until it is made so
	expired bool                   // its lease has run out
	anew    bool                   // it was retried in this step
	seen    core.Job               // as it was after the step before
	ended   map[int64]core.Outcome // how its epochs have ended
}

func (m *machine) bear(i *imageModel, j core.Job, vs []core.Variant) {
	born := &jobModel{Job: j, image: i, birth: len(m.jobs), ended: map[int64]core.Outcome{}}
	for _, v := range vs {
		born.names = append(born.names, v.Name)
		if old := i.variants[v.Name]; old == nil || old.state != core.VariantIsReady {
			i.variants[v.Name] = &variantModel{state: core.VariantPending, by: born}
		}
	}
	i.jobs, m.jobs = append(i.jobs, born), append(m.jobs, born)
}

// some is any job that fits, nil when none does.
func (m *machine) some(fits func(*jobModel) bool) *jobModel {
	fit := slices.DeleteFunc(slices.Clone(m.jobs), func(j *jobModel) bool { return !fits(j) })
	if len(fit) == 0 {
		return nil
	}
	return fit[m.pick(len(fit), "job")]
}

func (m *machine) name(id core.ID) string {
	for _, j := range m.jobs {
		if j.ID == id {
			return fmt.Sprint("job ", j.birth)
		}
	}
	return fmt.Sprintf("no job (%q)", id)
}

func (m *machine) mostUrgent() (first *jobModel) {
	for _, j := range m.jobs {
		if j.due() && (first == nil || cmp.Or(cmp.Compare(j.Priority, first.Priority), j.RunAt.Compare(first.RunAt), cmp.Compare(j.ID, first.ID)) < 0) {
			first = j
		}
	}
	return first
}

func (i *imageModel) live() bool {
	return slices.ContainsFunc(i.jobs, func(j *jobModel) bool { return !j.State.Final() })
}

// twin is the job that makes the same, or has made it unless it is forced.
func (i *imageModel) twin(digest string, force bool) (twin *jobModel) {
	for _, j := range i.jobs {
		if j.SpecDigest == digest && !j.State.Final() {
			return j
		}
		if j.SpecDigest == digest && j.State == core.JobSucceeded && !force {
			twin = j
		}
	}
	return twin
}

func (i *imageModel) deleted() {
	for _, j := range i.jobs {
		if j.State == core.JobRunning {
			j.Epoch++
		}
		if !j.State.Final() {
			j.cancelsNow()
		}
	}
	i.gone = true
}

func (j *jobModel) due() bool { return j.State == core.JobQueued && !j.waits }

func (c claim) holds() bool { return c.of.State == core.JobRunning && c.of.Epoch == c.Epoch }

func (j *jobModel) claimed(worker string) {
	j.State, j.Worker = core.JobRunning, worker
	j.Epoch, j.Attempt = j.Epoch+1, j.Attempt+1
}

func (j *jobModel) published(vs []core.Variant) {
	for _, v := range vs {
		old := j.image.variants[v.Name]
		if old.by.birth <= j.birth && (v.State == core.VariantIsReady || old.state != core.VariantIsReady) {
			*old = variantModel{v.State, j, v.SHA256}
		}
	}
}

func (j *jobModel) finished(r ports.Result) {
	j.ended[j.Epoch] = r.Outcome
	j.Job, j.waits = j.Next(r.Outcome)
	j.expired = false
	j.published(r.Variants)
	j.fails()
}

// fails gives what a job at an end has not made a reason.
func (j *jobModel) fails() {
	for _, v := range j.image.variants {
		if j.State.Final() && v.by == j && v.state == core.VariantPending {
			v.state = core.VariantIsBad
		}
	}
}

func (j *jobModel) reaped() {
	j.Epoch, j.Attempt, j.Lost = j.Epoch+1, j.Attempt-1, j.Lost+1
	j.State, j.expired = core.JobQueued, false
	switch {
	case j.CancelAt != nil:
		j.State = core.JobCancelled
	case j.Lost >= core.MaxLost:
		j.State = core.JobDead
	}
	j.fails()
}

func (j *jobModel) cancelled() {
	if j.State == core.JobRunning {
		j.CancelAt = &j.CreatedAt // some time
		return
	}
	j.cancelsNow()
}

func (j *jobModel) cancelsNow() {
	j.State, j.CancelAt, j.expired, j.waits = core.JobCancelled, &j.CreatedAt, false, false
	j.fails()
}

func (j *jobModel) retried() {
	j.State, j.CancelAt, j.waits, j.anew = core.JobQueued, nil, false, true
	j.Attempt, j.Crashes, j.Lost, j.Epoch = 0, 0, 0, j.Epoch+1
	for _, v := range j.image.variants {
		if v.by == j && v.state == core.VariantIsBad {
			v.state = core.VariantPending
		}
	}
}

// same compares a row with the model, and with the laws that every row obeys.
func (j *jobModel) same(row core.Job) error {
	type gist struct {
		State                         core.JobState
		Attempt, Crashes, Lost, Epoch int64
		Cancel                        bool
		Worker                        string
	}
	of := func(j core.Job) gist {
		return gist{j.State, j.Attempt, j.Crashes, j.Lost, j.Epoch, j.CancelAt != nil, j.Worker}
	}
	switch {
	case row.ID != j.ID:
		return broke("identity", "a call on job %d answers with %s", j.birth, row.ID)
	case row.Epoch < j.seen.Epoch:
		return broke("L1", "the epoch of job %d fell from %d to %d", j.birth, j.seen.Epoch, row.Epoch)
	case j.seen.State.Final() && j.seen.State != "" && row.State != j.seen.State && !j.anew:
		return broke("L3", "job %d was %s for good and is %s", j.birth, j.seen.State, row.State)
	case (row.State == core.JobRunning) != (row.LeaseUntil != nil):
		return broke("L4", "job %d is %s and leased until %v", j.birth, row.State, row.LeaseUntil)
	case row.State.Final() != (row.FinishedAt != nil):
		return broke("finished", "job %d is %s and finished at %v", j.birth, row.State, row.FinishedAt)
	case of(row) != of(j.Job):
		return broke("model", "job %d is %+v, want %+v", j.birth, of(row), of(j.Job))
	}
	return nil
}

// laws reads everything back and returns the first law that it breaks. What is
// deleted is read once more: nothing can move it any longer.
func (m *machine) laws(ctx context.Context) error {
	for _, i := range m.images {
		if i.buried {
			continue
		}
		if err := m.imageLaws(ctx, i); err != nil {
			return err
		}
		if err := m.eventLaws(ctx, i); err != nil {
			return err
		}
		if err := m.jobLaws(ctx, i); err != nil {
			return err
		}
		i.buried = i.gone
	}
	return nil
}

func (m *machine) jobLaws(ctx context.Context, i *imageModel) error {
	rows, err := m.Control.List(ctx, acme, core.JobFilter{ImageID: i.ID}, core.Page{Limit: 100})
	if err != nil {
		return err
	}
	if i.gone {
		_, err := m.Control.Job(ctx, acme, i.jobs[0].ID)
		if len(rows) > 0 {
			return broke("absence", "%d jobs of a deleted image are listed", len(rows))
		}
		return refused(err, core.Slug(core.NotFound))
	}
	if len(rows) != len(i.jobs) {
		return broke("model", "the image of job %d has %d jobs, want %d", i.jobs[0].birth, len(rows), len(i.jobs))
	}
	for _, j := range i.jobs {
		at := slices.IndexFunc(rows, func(row core.Job) bool { return row.ID == j.ID })
		if at < 0 {
			return broke("model", "job %d is not there", j.birth)
		}
		if err := j.same(rows[at]); err != nil {
			return err
		}
		j.seen, j.RunAt, j.anew = rows[at], rows[at].RunAt, false
	}
	return nil
}

func (m *machine) imageLaws(ctx context.Context, i *imageModel) error {
	rec, err := m.Store.Images.Image(ctx, acme, i.ID)
	if i.gone {
		return refused(err, core.Slug(core.NotFound))
	}
	if err != nil {
		return err
	}
	for _, v := range rec.Variants {
		expected := i.variants[v.Name]
		if ready := v.State == core.VariantIsReady; ready != (v.BlobKey != "" && v.SHA256 != "" && v.Bytes > 0) || (v.State == core.VariantIsBad) != (v.Error != nil) {
			return broke("L5", "variant %s is %s with the bytes %q and the error %v", v.Name, v.State, v.BlobKey, v.Error)
		}
		if maker := m.name(v.JobID); expected == nil || v.State != expected.state || v.State == core.VariantIsReady && v.SHA256 != expected.mark || v.JobID != expected.by.ID {
			return broke("L5", "variant %s of %s is %s with the bytes %q, want %v", v.Name, maker, v.State, v.SHA256, expected)
		}
		if v.State == core.VariantPending && expected.by.State.Final() {
			return broke("L5", "job %d is %s and variant %s still pending", expected.by.birth, expected.by.State, v.Name)
		}
	}
	state := core.Settled(rec.Variants)
	if i.live() {
		state = core.ImageProcessing
	}
	if rec.Image.State != state || len(rec.Variants) != len(i.variants) || rec.Image.Version < i.Version {
		return broke("model", "the image of job %d is %s of version %d with %d variants, want %s, version %d or more and %d",
			i.jobs[0].birth, rec.Image.State, rec.Image.Version, len(rec.Variants), state, i.Version, len(i.variants))
	}
	i.Version = rec.Image.Version
	return nil
}

// after is the state that an event tells of; an event that is missing here tells
// of none.
var after = map[core.EventType]core.JobState{
	core.JobCreated: core.JobQueued, core.JobClaimed: core.JobRunning, core.JobDone: core.JobSucceeded, core.JobRejected: core.JobFailed,
	core.JobRetried: core.JobQueued, core.JobReleased: core.JobQueued, core.JobReaped: core.JobQueued, core.JobDied: core.JobDead,
	core.JobCancel: core.JobCancelled, core.JobRequeued: core.JobQueued,
}

// eventLaws replays an image's jobs from its events alone.
func (m *machine) eventLaws(ctx context.Context, i *imageModel) error {
	events, err := m.Events.OfImage(ctx, acme, i.ID, core.Page{Limit: 1000})
	if err != nil {
		return err
	}
	slices.Reverse(events)
	states, epochs, ends := map[core.ID]core.JobState{}, map[core.ID]int64{}, map[string]int{}
	for _, e := range events {
		if e.JobID == "" {
			continue
		}
		if e.Epoch < epochs[e.JobID] {
			return broke("L1", "the epoch of %s fell from %d to %d in its events", m.name(e.JobID), epochs[e.JobID], e.Epoch)
		}
		epochs[e.JobID] = e.Epoch
		if state, ok := after[e.Type]; ok {
			states[e.JobID] = state
		}
		if attempt := fmt.Sprint(e.JobID, e.Epoch); e.Type != core.JobClaimed && strings.HasPrefix(e.Actor, "worker:") {
			if ends[attempt]++; ends[attempt] > 1 {
				return broke("L2", "epoch %d of %s has ended twice", e.Epoch, m.name(e.JobID))
			}
		}
	}
	for _, j := range i.jobs {
		if states[j.ID] != j.State || epochs[j.ID] != j.Epoch {
			return broke("L6", "by its events job %d is %s in epoch %d, want %s in %d", j.birth, states[j.ID], epochs[j.ID], j.State, j.Epoch)
		}
	}
	if gone := len(events) > 0 && events[len(events)-1].Type == core.ImageDeleted; gone != i.gone {
		return broke("L6", "the events of the image of job %d end with its deletion: %v, want %v", i.jobs[0].birth, gone, i.gone)
	}
	return nil
}
