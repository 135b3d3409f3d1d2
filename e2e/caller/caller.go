// Package caller is a client of the API as a good one is: what was not answered it
// sends again, with the same Idempotency-Key, until it is.
package caller

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"strings"
	"sync"
	"time"

	"imgd/e2e/contract"
)

// Caller sends requests. Its fields are set before the first.
type Caller struct {
	// URL is where the API is now.
	URL func() string
	// Patience is how long one try may take.
	Patience time.Duration
	// Most is how long it waits between two tries, whatever it is asked for.
	Most time.Duration

	client *http.Client
	mu     sync.Mutex
	seen   map[string]int
}

// New is a caller of the API at a place that may change.
func New(url func() string) *Caller {
	return &Caller{
		URL: url, Patience: 15 * time.Second, Most: time.Second, seen: map[string]int{},
		client: &http.Client{Transport: contract.Around(&http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 10 * time.Second})},
	}
}

// At is a caller of one process.
func At(url string) *Caller { return New(func() string { return url }) }

// Tally counts what requests were answered so far: "POST 202", "GET broken".
func (c *Caller) Tally() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.seen)
}

func (c *Caller) note(method, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[method+" "+what]++
}

// Do sends one request, once.
func (c *Caller) Do(ctx context.Context, method, path, contentType string, body []byte, header ...string) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Patience)
	defer cancel()
	if !strings.Contains(path, "://") {
		path = c.URL() + path
	}
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	a, err := c.send(req)
	if err != nil {
		c.note(method, "broken")
		return a, err
	}
	c.note(method, fmt.Sprint(a.Status))
	return a, nil
}

func (c *Caller) send(req *http.Request) (Answer, error) {
	resp, err := c.client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(resp.Body)
	return Answer{resp.StatusCode, resp.Header, text}, err
}

// Insist sends one request until it is answered for good.
func (c *Caller) Insist(ctx context.Context, method, path, contentType string, body []byte, header ...string) (Answer, error) {
	for {
		a, err := c.Do(ctx, method, path, contentType, body, header...)
		if err == nil && !a.Again() {
			return a, nil
		}
		wait := min(max(a.RetryAfter(), 100*time.Millisecond), c.Most)
		select {
		case <-ctx.Done():
			return a, errors.Join(fmt.Errorf("%s %s is not answered for good: last %d %s", method, path, a.Status, a.Body), err, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// Upload insists on sending a file under a key.
func (c *Caller) Upload(ctx context.Context, file []byte, name, key string, fields ...string) (Answer, error) {
	body, contentType := Form(file, name, fields...)
	return c.Insist(ctx, http.MethodPost, "/v1/images", contentType, body, "Idempotency-Key", key)
}

// Accepted is Upload of a file that is to be taken.
func (c *Caller) Accepted(ctx context.Context, file []byte, name, key string) (j Job, err error) {
	a, err := c.Upload(ctx, file, name, key)
	if err != nil {
		return j, err
	}
	if a.Status != http.StatusAccepted {
		return j, fmt.Errorf("the upload of %s was answered %d: %s", name, a.Status, a.Body)
	}
	return j, json.Unmarshal(a.Body, &j)
}

// Form is a multipart body with the fields, then the file.
func Form(file []byte, name string, fields ...string) (body []byte, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreateFormFile("file", name)
	_, _ = part.Write(file)
	_ = w.Close()
	return b.Bytes(), w.FormDataContentType()
}

// Get insists on reading what is there.
func (c *Caller) Get(ctx context.Context, path string) ([]byte, error) {
	a, err := c.Insist(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("GET %s = %d: %s", path, a.Status, a.Body)
	}
	return a.Body, nil
}

// Read is Get of JSON.
func Read[T any](ctx context.Context, c *Caller, path string) (v T, err error) {
	body, err := c.Get(ctx, path)
	if err != nil {
		return v, err
	}
	return v, json.Unmarshal(body, &v)
}

// Finished waits until the job is at an end.
func (c *Caller) Finished(ctx context.Context, id string) (Job, error) {
	for {
		j, err := Read[Job](ctx, c, "/v1/jobs/"+id+"?wait=1")
		if err != nil {
			return j, err
		}
		if j.State != "queued" && j.State != "running" {
			return j, nil
		}
	}
}

// Story is the image's audit trail, the oldest first.
func (c *Caller) Story(ctx context.Context, image string) (events []Event, err error) {
	page, err := Read[struct {
		Items []Event `json:"items"`
	}](ctx, c, "/v1/images/"+image+"/events?limit=200")
	for i := len(page.Items) - 1; i >= 0; i-- {
		events = append(events, page.Items[i])
	}
	return events, err
}
