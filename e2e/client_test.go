package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"
)

type (
	problem struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
	variant struct {
		Name        string   `json:"name"`
		State       string   `json:"state"`
		ContentType string   `json:"content_type"`
		Bytes       int64    `json:"bytes"`
		SHA256      string   `json:"sha256"`
		Width       int      `json:"width"`
		Height      int      `json:"height"`
		Pages       int      `json:"pages"`
		URL         string   `json:"url"`
		Error       *problem `json:"error"`
	}
	picture struct {
		ID       string    `json:"id"`
		State    string    `json:"state"`
		Width    int       `json:"width"`
		Height   int       `json:"height"`
		Pages    int       `json:"pages"`
		Variants []variant `json:"variants"`
	}
	job struct {
		ID      string   `json:"id"`
		ImageID string   `json:"image_id"`
		State   string   `json:"state"`
		Attempt int      `json:"attempt"`
		Error   *problem `json:"error"`
		Cost    struct {
			CPUMS int64 `json:"cpu_ms"`
		} `json:"cost"`
		CreatedAt  time.Time `json:"created_at"`
		StartedAt  time.Time `json:"started_at"`
		FinishedAt time.Time `json:"finished_at"`
		Image      picture   `json:"image"`
	}
	event struct {
		Type  string `json:"type"`
		Actor string `json:"actor"`
		Epoch int64  `json:"epoch"`
	}
)

// answer is a response that was read.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) problem() (p problem) { _ = json.Unmarshal(a.body, &p); return p }

// slug is the last part of the problem's type.
func (a answer) slug() string {
	t := a.problem().Type
	return t[strings.LastIndexByte(t, '/')+1:]
}

func send(req *http.Request) (answer, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

// form is a multipart body with the fields, then the file.
func form(file []byte, name string, fields ...string) (body *bytes.Buffer, contentType string) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for i := 0; i < len(fields); i += 2 {
		_ = w.WriteField(fields[i], fields[i+1])
	}
	part, _ := w.CreateFormFile("file", name)
	_, _ = part.Write(file)
	_ = w.Close()
	return body, w.FormDataContentType()
}

func postForm(t testing.TB, url string, file []byte, name string, header ...string) answer {
	t.Helper()
	a, err := tryPost(t, url, file, name, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func tryPost(t testing.TB, url string, file []byte, name string, header ...string) (answer, error) {
	t.Helper()
	body, contentType := form(file, name)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/images", body)
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	return send(req)
}

// upload sends an image that is to be accepted.
func upload(t testing.TB, url string, file []byte, name string) job {
	t.Helper()
	a := postForm(t, url, file, name)
	if a.status != http.StatusAccepted {
		t.Fatalf("the upload of %s was answered %d: %s", name, a.status, a.body)
	}
	return decode[job](t, a)
}

func decode[T any](t testing.TB, a answer) (v T) {
	t.Helper()
	if err := json.Unmarshal(a.body, &v); err != nil {
		t.Fatalf("the answer %q is not JSON: %v", a.body, err)
	}
	return v
}

func get(t testing.TB, url string, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	a, err := send(req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func read[T any](t testing.TB, url string) T {
	t.Helper()
	a := get(t, url)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s = %d: %s", url, a.status, a.body)
	}
	return decode[T](t, a)
}

// finished waits until the job is at an end.
func finished(t testing.TB, url, id string, patience time.Duration) job {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		j := read[job](t, fmt.Sprintf("%s/v1/jobs/%s?wait=1", url, id))
		if j.State != "queued" && j.State != "running" {
			return j
		}
	}
	t.Fatalf("job %s is %+v after %s", id, read[job](t, url+"/v1/jobs/"+id), patience)
	return job{}
}

// story is the image's audit trail, the oldest first.
func story(t testing.TB, url, image string) (events []event) {
	t.Helper()
	page := read[struct {
		Items []event `json:"items"`
	}](t, url+"/v1/images/"+image+"/events?limit=200")
	for i := len(page.Items) - 1; i >= 0; i-- {
		events = append(events, page.Items[i])
	}
	return events
}

func count(events []event, kind string) (n int) {
	for _, e := range events {
		if e.Type == kind {
			n++
		}
	}
	return n
}

// eventually repeats a look until it is satisfied.
func eventually(t testing.TB, what string, look func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if look() {
			return
		}
	}
	t.Fatalf("after 30 s: not %s", what)
}
