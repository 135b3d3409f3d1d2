package fuzz

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"imgd/e2e/contract"
	"imgd/e2e/rig"
)

const (
	long   = "IMGD_TEST_FUZZ" // for how long each service is asked; a short while if it is empty
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
				check(t, seed, v.talk)
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

// check has rapid look for what breaks a property, from a seed.
func check(t rapid.TB, seed uint64, property func(*rapid.T)) {
	given := flag.Lookup("rapid.seed").Value.String()
	for name, value := range map[string]string{"rapid.seed": strconv.FormatUint(seed, 10), "rapid.checks": "30", "rapid.steps": "40", "rapid.nofailfile": "true", "rapid.shrinktime": "15s"} {
		_ = flag.Set(name, value)
	}
	defer flag.Set("rapid.seed", given) //nolint:errcheck // it was there before
	rapid.Check(t, property)
}

// covered says which operations were never asked well, or never refused: asking those
// shows nothing.
func (v *service) covered(t *testing.T) {
	t.Helper()
	for _, op := range contract.Ours().Operations() {
		var well, refused int
		for status, n := range v.seen[op.OperationID] {
			if status < 400 {
				well += n
			} else {
				refused += n
			}
		}
		if well == 0 || refused == 0 {
			t.Errorf("%s was answered well %d times and refused %d times", op.OperationID, well, refused)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.seen)) {
		t.Logf("%-20s %v", name, v.seen[name])
	}
}

// The controls: services that are nearly imgd, which have to be found out.
func TestAServiceThatBreaksTheContractIsFoundOut(t *testing.T) {
	u, err := url.Parse(rig.NewSite(t, shipped, settings...).Start(t, "serve").URL)
	if err != nil {
		t.Fatal(err)
	}
	list := func(r *http.Response) bool { return r.Request.URL.Path == "/v1/jobs" && r.StatusCode == 200 }
	for name, spoil := range map[string]func(*http.Response){
		"says nothing wrong": nil,
		"has a status of its own": func(r *http.Response) {
			if list(r) {
				r.StatusCode = 203
			}
		},
		"fails": func(r *http.Response) {
			if list(r) {
				r.StatusCode = 500
			}
		},
		"answers in another type": func(r *http.Response) {
			if list(r) {
				r.Header.Set("Content-Type", "text/json")
			}
		},
		"does not say which request it was": func(r *http.Response) {
			if list(r) {
				r.Header.Del("X-Correlation-ID")
			}
		},
		"takes what it should refuse": func(r *http.Response) {
			if r.StatusCode == 400 && r.Request.URL.Path == "/livez" {
				*r = *good(r)
			}
		},
		"hangs up in the middle of an answer": func(r *http.Response) {
			if list(r) {
				panic(http.ErrAbortHandler)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			proxy := &httputil.ReverseProxy{
				Rewrite: func(r *httputil.ProxyRequest) {
					r.SetURL(u)
					r.Out.Host = r.In.Host
					r.Out.Header["X-Forwarded-For"] = nil
				},
				ModifyResponse: func(r *http.Response) error {
					if spoil != nil {
						spoil(r)
					}
					return nil
				},
				ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) { panic(http.ErrAbortHandler) },
			}
			front := httptest.NewServer(proxy)
			defer front.Close()
			found := &finder{name: t.Name()}
			done := make(chan struct{})
			go func() {
				defer close(done)
				check(found, always, newService(front.URL, "").talk)
			}()
			<-done
			if found.failed != (spoil != nil) {
				t.Errorf("a service that %s is found out: %v\n%s", name, found.failed, found.said)
			}
		})
	}
}

// good is the answer of one that lives.
func good(r *http.Response) *http.Response {
	w := httptest.NewRecorder()
	for name, values := range r.Header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Del("Content-Length")
	_, _ = w.WriteString(`{"status":"ok"}`)
	a := w.Result()
	a.Request = r.Request
	return a
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
