package contract

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
)

// heard is what has been listened to so far.
var heard struct {
	sync.Mutex
	wrong []string
	count int
	hosts map[string]bool // of ours, that run
}

// Serves names a host as one of ours, so that its answers are judged whatever they
// look like; over takes it back.
func Serves(host string) (over func()) {
	set := func(on bool) {
		heard.Lock()
		defer heard.Unlock()
		if heard.hosts == nil {
			heard.hosts = map[string]bool{}
		}
		heard.hosts[host] = on
	}
	set(true)
	return func() { set(false) }
}

// ours reports whether an answer is of imgd and no other server's: there are proxies
// between, and stores and providers beside.
func ours(r *http.Request, res *http.Response) bool {
	heard.Lock()
	defer heard.Unlock()
	return heard.hosts[r.URL.Host] || res.Header.Get("X-Correlation-ID") != ""
}

// Around is a transport whose answers are judged.
func Around(base http.RoundTripper) http.RoundTripper { return listener{base} }

type listener struct{ http.RoundTripper }

func (l listener) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := l.RoundTripper.RoundTrip(r)
	if err == nil && ours(r, res) {
		Hear(r, res)
	}
	return res, err
}

// Hear judges an answer of ours that came some other way, such as one that a test has
// read from a connection itself. The answer can be read afterwards as before.
func Hear(r *http.Request, res *http.Response) {
	var body []byte
	var err error
	if !Opaque(res.Header) || res.StatusCode >= 400 {
		body, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
		res.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failed{err}))
		if err != nil {
			return // half an answer is for the caller to complain of
		}
	}
	wrong := Ours().Judge(r, res.StatusCode, res.Header, body)
	heard.Lock()
	defer heard.Unlock()
	heard.count++
	for _, w := range wrong {
		heard.wrong = append(heard.wrong, fmt.Sprintf("%s %s = %d: %s", r.Method, r.URL.Path, res.StatusCode, w))
	}
}

// failed is a reader that ends as another did.
type failed struct{ err error }

func (f failed) Read([]byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	return 0, io.EOF
}

// Over judges everything that is answered through http.DefaultTransport while the tests
// run, and fails them at their end for what is wrong. Benchmarks are left alone: they
// share the processor with what they measure.
func Over(run func() int) func() int {
	return func() int {
		if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
			return run()
		}
		http.DefaultTransport = Around(http.DefaultTransport)
		return verdict(run())
	}
}

func verdict(code int) int {
	heard.Lock()
	defer heard.Unlock()
	slices.Sort(heard.wrong)
	for _, w := range slices.Compact(heard.wrong) {
		fmt.Fprintln(os.Stderr, "against the contract:", w)
	}
	if code == 0 && len(heard.wrong) > 0 {
		return 1
	}
	fmt.Fprintf(os.Stderr, "%d answers were held against the contract\n", heard.count)
	return code
}
