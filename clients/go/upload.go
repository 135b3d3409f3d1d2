package imgd

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"imgd/clients/go/api"
)

// Upload is an image to send, and what is said about it. Only File has to be there.
type Upload struct {
	// File is read to its end and not closed. If it can seek, it is sent from where it
	// stands, with its length, and again after a failure; otherwise only a refusal that
	// came before its first byte is followed by another try.
	File io.Reader

	Filename   string
	Bucket     string
	ExternalID string
	Metadata   map[string]any
	Preset     string            // a preset of the service's, or
	Variants   map[string]string // transforms by the name of their variant
	ExpiresAt  time.Time

	// Key makes an upload the same as an earlier one, whose answer then comes again: give
	// one that outlives this process if its uploads have to. Empty: one is made, which
	// holds for the tries of this call.
	Key string
	// Progress is called with what was sent, then with what becomes of the job; never
	// twice at once. It should return soon.
	Progress func(Progress)
}

// Progress is how far an upload has come.
type Progress struct {
	Sent  int64        // bytes of the file; it begins anew with each try
	Total int64        // -1 if nobody knows
	State api.JobState // of the job, empty before there is one
}

// JobError says that a job has come to an end other than success. The problem, if
// there is one, is found in it by errors.As and SlugOf.
type JobError struct{ Job Job }

func (e *JobError) Error() string {
	text := fmt.Sprintf("imgd: job %s is %s", e.Job.ID, e.Job.State)
	if e.Job.Error != nil {
		text += ": " + e.Job.Error.Detail
	}
	return text
}

func (e *JobError) Unwrap() error {
	if p := ProblemOf(e.Job.Error); p != nil {
		return p
	}
	return nil
}

// Upload sends an image and returns the job that renders its variants.
func (c *Client) Upload(ctx context.Context, u Upload) (*Job, error) {
	return c.upload(ctx, u, tell(u))
}

// UploadAndWait sends an image and returns it when its variants are there. A job that
// does not succeed is a *JobError.
func (c *Client) UploadAndWait(ctx context.Context, u Upload) (*Image, error) {
	told := tell(u)
	job, err := c.upload(ctx, u, told)
	if err != nil {
		return nil, err
	}
	if err := c.wait(ctx, job, told); err != nil {
		return nil, err
	}
	resp, err := c.GetImageWithResponse(ctx, job.ImageID)
	if err != nil {
		return nil, err
	}
	return resp.JSON200, nil
}

// Wait returns a job when it has succeeded; any other end is a *JobError.
func (c *Client) Wait(ctx context.Context, id api.ID) (*Job, error) {
	resp, err := c.GetJobWithResponse(ctx, id, nil)
	if err != nil {
		return nil, err
	}
	return resp.JSON200, c.wait(ctx, resp.JSON200, tell(Upload{}))
}

// hold is for how long the service is asked to hold an answer; the most it does is 30.
const hold = int64(20)

// wait follows a job to its end. A state is final when the job has finished, whatever
// states there may be one day.
func (c *Client) wait(ctx context.Context, job *Job, told *teller) error {
	for told.state(job.State); job.FinishedAt == nil; told.state(job.State) {
		resp, err := c.GetJobWithResponse(ctx, job.ID, &api.GetJobParams{Wait: ptr(hold)})
		if err != nil {
			return err
		}
		*job = *resp.JSON200
	}
	if job.State != api.JobStateSucceeded {
		return &JobError{*job}
	}
	return nil
}

func (c *Client) upload(ctx context.Context, u Upload, told *teller) (*Job, error) {
	metadata, err := text(len(u.Metadata), u.Metadata)
	if err != nil {
		return nil, err
	}
	variants, err := text(len(u.Variants), u.Variants)
	if err != nil {
		return nil, err
	}
	expires := ""
	if !u.ExpiresAt.IsZero() {
		expires = u.ExpiresAt.UTC().Format(time.RFC3339Nano)
	}
	name := u.Filename
	if name == "" {
		name = "file"
	}
	f, err := newForm(u.File, name, told.sent, [2]string{"bucket", u.Bucket}, [2]string{"external_id", u.ExternalID},
		[2]string{"metadata", metadata}, [2]string{"preset", u.Preset}, [2]string{"variants", variants}, [2]string{"expires_at", expires})
	if err != nil {
		return nil, err
	}
	told.now.Total = f.size
	if u.Key == "" {
		u.Key = rand.Text()
	}
	resp, err := c.UploadImageWithBodyWithResponse(ctx, &api.UploadImageParams{IdempotencyKey: &u.Key}, f.contentType, nil,
		func(_ context.Context, req *http.Request) error { return f.into(req) })
	if err != nil {
		return nil, err
	}
	if resp.JSON201 != nil {
		return resp.JSON201, nil
	}
	return resp.JSON202, nil
}

// text is JSON for a field of the form; of nothing it is empty.
func text(n int, v any) (string, error) {
	if n == 0 {
		return "", nil
	}
	b, err := json.Marshal(v)
	return string(b), err
}

func ptr[T any](v T) *T { return &v }

// teller tells what changes.
type teller struct {
	mu   sync.Mutex
	now  Progress
	tell func(Progress)
}

func tell(u Upload) *teller { return &teller{tell: u.Progress} }

func (t *teller) sent(n int64) { t.change(func(p *Progress) { p.Sent = n }) }

func (t *teller) state(s api.JobState) {
	t.change(func(p *Progress) { p.State = s })
}

func (t *teller) change(how func(*Progress)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.now
	if how(&t.now); t.tell != nil && t.now != before {
		t.tell(t.now)
	}
}
