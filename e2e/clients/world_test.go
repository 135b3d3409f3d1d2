package clients

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

const (
	secret = "IMGD_AUTH_HS256_SECRET=0123456789abcdef0123456789abcdef"
	links  = "IMGD_LINK_KEYS=first:0123456789abcdef0123456789abcdef"
)

// world is where scenarios are played; each client reads it from a file.
type world struct {
	Scenarios, Open, Idle, Locked, Narrow, Busy, Forgetful, Nobody, Token, Reader string
	Files                                                                         map[string]string

	file string // that describes it
}

// build starts the services of a world.
func build(t *testing.T) world {
	t.Helper()
	t.Helper()
	scenarios, err := filepath.Abs("../../clients/scenarios.json")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w := world{
		Scenarios: scenarios,
		Open:      rig.NewSite(t, shipped).Start(t, "serve").URL,
		Idle:      rig.NewSite(t, shipped).Start(t, "api").URL,
		Locked:    rig.NewSite(t, shipped, secret, links, "IMGD_UPLOAD_RATE=off").Start(t, "serve").URL,
		Narrow:    rig.NewSite(t, shipped, "IMGD_UPLOAD_RATE=1/s", "IMGD_UPLOAD_BURST=1").Start(t, "api").URL,
		Nobody:    "http://127.0.0.1:1",
		Token:     token(t, "images:read", "images:write"),
		Reader:    token(t, "images:read"),
		Files:     files(t, dir),
	}
	w.Busy = serve(t, once(w.Open, func(w http.ResponseWriter) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the balancer knows no healthy backend", http.StatusServiceUnavailable)
	}, nil))
	w.Forgetful = serve(t, once(w.Open, nil, func() { panic(http.ErrAbortHandler) }))
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	w.file = filepath.Join(dir, "world.json")
	if err := os.WriteFile(w.file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

// token is one for tenant acme, which the binary signs.
func token(t *testing.T, scopes ...string) string {
	t.Helper()
	cmd := exec.Command(shipped, "token", "--tenant", "acme", "--sub", "ann", "--scope", strings.Join(scopes, ",")) // #nosec G204 -- the binary of this test
	cmd.Env, cmd.Dir = []string{"HOME=" + t.TempDir(), secret}, t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = nil
	s.Start()
	t.Cleanup(s.Close)
	return s.URL
}

// once stands before a service like a balancer, and spoils the first of each request:
// by an answer instead of it, or by what happens to its answer. What makes requests the
// same is their key, or where they go.
func once(to string, instead func(http.ResponseWriter), after func()) http.Handler {
	u, err := url.Parse(to)
	if err != nil {
		panic(err)
	}
	behind := httputil.NewSingleHostReverseProxy(u)
	var mu sync.Mutex
	seen := map[string]bool{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method + r.URL.Path + r.Header.Get("Idempotency-Key")
		mu.Lock()
		first := !seen[what]
		seen[what] = true
		mu.Unlock()
		switch {
		case first && instead != nil:
			instead(w)
		case first && after != nil && r.Method == http.MethodPost:
			behind.ServeHTTP(httptest.NewRecorder(), r)
			after()
		default:
			behind.ServeHTTP(w, r)
		}
	})
}

// files are what is sent, by the names that scenarios have for them.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	photo, err := scene.JPEG(1600, 1200)
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]string{}
	for name, content := range map[string][]byte{
		"photo": photo, "cut": photo[:len(photo)/2], "damaged": damaged(), "notes": []byte("this is no picture"),
	} {
		at[name] = filepath.Join(dir, name)
		if err := os.WriteFile(at[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// damaged is a PNG whose frame is whole and whose pixels are none: it is let in, and
// no job can decode it.
func damaged() []byte {
	var b bytes.Buffer
	chunk := func(kind string, data []byte) {
		body := append([]byte(kind), data...)
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(data))))
		b.Write(binary.BigEndian.AppendUint32(body, crc32.ChecksumIEEE(body)))
	}
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk("IHDR", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 300), 200), 8, 2, 0, 0, 0))
	chunk("IDAT", append([]byte{0x78, 0x9c, 0x07}, bytes.Repeat([]byte("noise"), 12_000)...)) // the third kind of block is reserved
	chunk("IEND", nil)
	return b.Bytes()
}
