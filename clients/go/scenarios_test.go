package imgd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	imgd "imgd/clients/go"
)

// scenario is one line of clients/scenarios.json: what both clients do, and what comes
// of it.
type scenario struct {
	Name, Says  string
	File, Other string
	Filename    string
	Variants    map[string]string
	More        map[string]string
	Metadata    map[string]any
	Sizes       map[string][2]int64
	Types       map[string]string
	Reads       string
	Problem     imgd.Slug
	Then        imgd.Slug
	Status      int
	Member      string
	Parameter   string
	State       string
	Event       string
	Error       string
}

// world is where scenarios are played: the addresses of services, tokens and files.
type world struct {
	Scenarios string
	Open      string // everybody may do everything
	Idle      string // takes uploads, and nobody does the jobs
	Locked    string // asks for tokens, and signs links
	Narrow    string // one upload a second
	Busy      string // Open, where each new request is first answered 503
	Forgetful string // Open, where each first answer to an upload is lost
	Nobody    string // nobody listens there
	Token     string // reads and writes
	Reader    string // reads
	Files     map[string]string
}

var scenarios = map[string]func(t *testing.T, w world, s scenario){
	"upload-and-wait": uploadAndWait, "progress": progress, "stream": stream, "fields": fields, "presets": presets,
	"not-an-image": refusedUpload, "cut-off": refusedUpload, "bad-transform": refusedUpload,
	"bad-parameter": badParameter, "not-found": notFound, "same-key": sameKey, "key-taken": keyTaken,
	"pages": pages, "patch": patch, "lookup": lookup, "more-variants": moreVariants, "original": original,
	"trail": trail, "stats": stats, "failed-job": failedJob, "cancel": cancel, "delete": remove,
	"without-token": withoutToken, "without-scope": withoutScope, "with-token": withToken, "signed-link": signedLink,
	"too-often": tooOften, "too-long-a-wait": tooLongAWait, "busy": busy, "lost-answer": lostAnswer,
	"lost-stream": lostStream, "nobody-there": nobodyThere, "given-up": givenUp,
}

// TestScenarios plays clients/scenarios.json. The services are started by the tests
// in e2e/clients, which run this one.
func TestScenarios(t *testing.T) {
	place := os.Getenv("IMGD_TEST_WORLD")
	if place == "" {
		t.Fatal("it needs services to play with; make clients, at the top of imgd, starts them")
	}
	w := load[world](t, place)
	list := load[[]scenario](t, w.Scenarios)
	for _, s := range list {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			play, ok := scenarios[s.Name]
			if !ok {
				t.Fatalf("nothing here shows that %s", s.Says)
			}
			play(t, w, s)
		})
	}
	for name := range scenarios {
		if !slices.ContainsFunc(list, func(s scenario) bool { return s.Name == name }) {
			t.Errorf("%s does not stand in the list", name)
		}
	}
}

func load[T any](t *testing.T, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return v
}

func (w world) file(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(w.Files[name])
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func client(t *testing.T, url string, o imgd.Options) *imgd.Client {
	t.Helper()
	return must(imgd.New(url, o))(t)
}

func with(token string) imgd.Options {
	return imgd.Options{Token: func(context.Context) (string, error) { return token, nil }}
}

// upload is what a scenario sends.
func (w world) upload(t *testing.T, s scenario) imgd.Upload {
	t.Helper()
	return imgd.Upload{File: bytes.NewReader(w.file(t, s.File)), Variants: s.Variants, Filename: s.Filename, Metadata: s.Metadata}
}

// sent is the image that a scenario sends, once it is ready.
func (w world) sent(t *testing.T, c *imgd.Client, s scenario) *imgd.Image {
	t.Helper()
	return must(c.UploadAndWait(t.Context(), w.upload(t, s)))(t)
}

func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// refused returns the problem that a scenario expects.
func refused(t *testing.T, s scenario, err error) *imgd.Problem {
	t.Helper()
	var p *imgd.Problem
	if !errors.As(err, &p) || p.Slug != s.Problem || p.Status != s.Status || imgd.SlugOf(err) != s.Problem {
		t.Fatalf("the error is %v, want %d %s", err, s.Status, s.Problem)
	}
	if p.Title == "" || p.Detail == "" || p.Type == "" {
		t.Errorf("the problem says too little: %+v", p)
	}
	return p
}

func hasSizes(t *testing.T, i *imgd.Image, sizes map[string][2]int64) {
	t.Helper()
	for name, want := range sizes {
		v := find(t, i, name)
		if got := [2]int64{*v.Width, *v.Height}; got != want {
			t.Errorf("%s has %v pixels, want %v", name, got, want)
		}
	}
}

func find(t *testing.T, i *imgd.Image, name string) imgd.Variant {
	t.Helper()
	n := slices.IndexFunc(i.Variants, func(v imgd.Variant) bool { return v.Name == name && v.State == "ready" })
	if n < 0 {
		t.Fatalf("there is no %s among %+v", name, i.Variants)
	}
	return i.Variants[n]
}

// answers counts what a client is answered, by status.
type answers struct {
	mu   sync.Mutex
	seen map[int]int
}

func (a *answers) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.seen == nil {
		a.seen = map[int]int{}
	}
	if err != nil {
		a.seen[0]++
		return nil, err
	}
	a.seen[resp.StatusCode]++
	return resp, nil
}

func (a *answers) count(status int) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[status]
}

// unique is a name that nobody else has.
func unique() string { return "t" + time.Now().UTC().Format("150405.000000000") }
