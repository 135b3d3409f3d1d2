package fuzz

import (
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"imgd/e2e/contract"
	"imgd/e2e/rig"
)

const (
	long   = "IMGD_TEST_FUZZ" // for how long each service is asked; without it, a short while
	secret = "0123456789abcdef0123456789abcdef"
	always = 20260801 // the seed of every run, beside a fresh one
)

// settings are those of every imgd here: what is limited is limited to little.
var settings = []string{
	"IMGD_MAX_UPLOAD_BYTES=300KiB", "IMGD_UPLOAD_RATE=off", "IMGD_LINK_KEYS=first:0123456789abcdef0123456789abcdef", "IMGD_PUBLIC_BUCKETS=default/press,t1/press,t2/press,t3/press", "IMGD_LOG_LEVEL=error",
}

func TestWhateverIsAskedTheAnswerIsInTheContract(t *testing.T) {
	for name, key := range map[string]string{"without tokens": "", "with tokens": secret} {
		t.Run(name, func(t *testing.T) {
			site := rig.NewSite(t, shipped, settings...)
			if key != "" {
				site.Env = append(site.Env, "IMGD_AUTH_HS256_SECRET="+key)
			}
			p := site.Start(t, "serve")
			v := newService(p.URL, key)
			began := time.Now()
			for _, seed := range seeds(t) {
				t.Logf("seed %d: go test ./e2e/fuzz -run '%s' -rapid.seed=%d asks the same again", seed, t.Name(), seed)
				check(t, seed, 15*time.Second, v.talk)
			}
			t.Logf("%d requests in %s", v.count, time.Since(began).Round(time.Second))
			v.covered(t)
			if log := p.Log(); strings.Contains(log, "panic") {
				t.Errorf("the log tells of a panic:\n%s", log)
			}
		})
	}
}

// seeds are one that is always the same and one that never is; in a long run as many
// of those as there is time for.
func seeds(t *testing.T) func(func(int, uint64) bool) {
	t.Helper()
	span, err := time.ParseDuration(os.Getenv(long))
	if err != nil && os.Getenv(long) != "" {
		t.Fatalf("%s: %v", long, err)
	}
	given := flag.Lookup("rapid.seed").Value.String()
	return func(yield func(int, uint64) bool) {
		if n, _ := strconv.ParseUint(given, 0, 64); n != 0 {
			yield(0, n)
			return
		}
		if !yield(0, always) || !yield(1, fresh()) {
			return
		}
		for i, end := 2, time.Now().Add(span); time.Now().Before(end); i++ {
			if !yield(i, fresh()) {
				return
			}
		}
	}
}

func fresh() uint64 { return uint64(time.Now().UnixNano()) } //nolint:gosec // a time is not negative

// check has rapid look for what breaks a property, from a seed, and then for a while for
// less that does.
func check(t rapid.TB, seed uint64, less time.Duration, property func(*rapid.T)) {
	given := flag.Lookup("rapid.seed").Value.String()
	for name, value := range map[string]string{"rapid.seed": strconv.FormatUint(seed, 10), "rapid.checks": "30", "rapid.steps": "40", "rapid.nofailfile": "true", "rapid.shrinktime": less.String()} {
		_ = flag.Set(name, value)
	}
	defer flag.Set("rapid.seed", given) //nolint:errcheck // it was there before
	rapid.Check(t, property)
}

// enough is how often an operation has to be asked to see both that and how it answers.
const enough = 100

// covered says which operations were never asked well, or never refused: asking those
// shows nothing. Of all requests a fifth has to be well.
func (v *service) covered(t *testing.T) {
	t.Helper()
	all := 0
	for _, op := range contract.Ours().Operations() {
		var well, refused int
		for status, n := range v.seen[op.OperationID] {
			if status < 400 {
				well += n
			} else {
				refused += n
			}
		}
		if all += well; well+refused >= enough && (well == 0 || refused == 0) {
			t.Errorf("%s was answered well %d times and refused %d times", op.OperationID, well, refused)
		}
	}
	if all < v.count/5 {
		t.Errorf("%d of %d requests were answered well, want a fifth", all, v.count)
	}
	for _, name := range slices.Sorted(maps.Keys(v.seen)) {
		t.Logf("%-20s %v", name, v.seen[name])
	}
}

// The controls: services that are nearly imgd, which have to be found out, and imgd
// itself, which is not.
//
//nolint:bodyclose // the client closes it
func TestAServiceThatBreaksTheContractIsFoundOut(t *testing.T) {
	p := rig.NewSite(t, shipped, settings...).Start(t, "serve")
	for name, spoil := range map[string]func(*http.Response) error{
		"keeps to it":                      func(*http.Response) error { return nil },
		"has a status of its own":          lists(func(r *http.Response) { r.StatusCode = http.StatusNonAuthoritativeInfo }),
		"fails":                            lists(func(r *http.Response) { r.StatusCode = http.StatusInternalServerError }),
		"answers in another type":          lists(func(r *http.Response) { r.Header.Set("Content-Type", "text/json") }),
		"answers with something else":      lists(func(r *http.Response) { r.Body = io.NopCloser(strings.NewReader(`{"items":[{}],"next_cursor":null}`)) }),
		"does not say which request it is": lists(func(r *http.Response) { r.Header.Del("X-Correlation-ID") }),
		"answers half": lists(func(r *http.Response) {
			r.Body = io.NopCloser(io.MultiReader(strings.NewReader("{"), iotest.ErrReader(io.ErrUnexpectedEOF)))
		}),
		"hangs up": func(r *http.Response) error {
			if r.Request.URL.Path == "/v1/jobs" {
				return io.EOF
			}
			return nil
		},
		"takes what it should refuse": func(r *http.Response) error {
			if r.Request.URL.Path == "/livez" && r.StatusCode == http.StatusBadRequest {
				r.StatusCode, r.Body = http.StatusOK, io.NopCloser(strings.NewReader(`{"status":"ok"}`))
				r.Header.Set("Content-Type", "application/json")
			}
			return nil
		},
		"is where nothing should be": func(r *http.Response) error {
			if r.Request.URL.Path == "/v2/images" {
				r.StatusCode = http.StatusNoContent
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			v, found := newService(p.URL, ""), &finder{name: t.Name()}
			v.client.Transport = spoiled{v.client.Transport, spoil}
			done := make(chan struct{})
			go func() {
				defer close(done)
				check(found, always, 0, v.talk)
			}()
			<-done
			if found.failed != (name != "keeps to it") {
				t.Errorf("a service that %s is found out: %v\n%s", name, found.failed, found.said)
			}
		})
	}
}

// lists spoils answers of one operation that are well.
func lists(spoil func(*http.Response)) func(*http.Response) error {
	return func(r *http.Response) error {
		if r.Request.URL.Path == "/v1/jobs" && r.Request.Method == http.MethodGet && r.StatusCode == http.StatusOK {
			spoil(r)
		}
		return nil
	}
}

// spoiled is a transport that makes another service of one.
type spoiled struct {
	http.RoundTripper
	spoil func(*http.Response) error
}

func (s spoiled) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := s.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := res.Body
	if err := s.spoil(res); err != nil {
		_ = body.Close()
		return nil, err
	}
	return res, nil
}

// finder is a test that is meant to fail.
type finder struct {
	name, said string
	failed     bool
}

func (f *finder) Helper()                         {}
func (f *finder) Name() string                    { return f.name }
func (f *finder) Log(args ...any)                 { f.said += fmt.Sprintln(args...) }
func (f *finder) Logf(format string, args ...any) { f.said += fmt.Sprintf(format+"\n", args...) }
func (f *finder) Error(args ...any)               { f.Log(args...); f.Fail() }
func (f *finder) Errorf(s string, args ...any)    { f.Logf(s, args...); f.Fail() }
func (f *finder) Fatal(args ...any)               { f.Log(args...); f.FailNow() }
func (f *finder) Fatalf(s string, args ...any)    { f.Logf(s, args...); f.FailNow() }
func (f *finder) Skip(...any)                     { f.FailNow() }
func (f *finder) Skipf(string, ...any)            { f.FailNow() }
func (f *finder) SkipNow()                        { f.FailNow() }
func (f *finder) Fail()                           { f.failed = true }
func (f *finder) FailNow()                        { f.failed = true; runtime.Goexit() }
func (f *finder) Failed() bool                    { return f.failed }
