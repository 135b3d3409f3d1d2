package rest

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/ingest"
)

// FuzzMultipart feeds the walker whatever comes: it never panics, ends with a
// classified error or a complete form, and takes one file at most.
func FuzzMultipart(f *testing.F) {
	const media = "multipart/form-data; boundary=B"
	for _, body := range []string{
		"--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nbytes\r\n--B--\r\n",
		"--B\r\nContent-Disposition: form-data; name=\"bucket\"\r\n\r\nb\r\n--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"..\\x\"\r\n\r\n\r\n--B--",
		"--B\r\nContent-Disposition: form-data; name=\"file\"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=\r\n=41\r\n--B--",
		"preamble\r\n--B\r\n\r\n--B", "--B--", "", "--B\n\n", "--B\r\nA: \r\n b\r\n\r\n--B--",
	} {
		f.Add(media, []byte(body))
	}
	f.Add(`multipart/form-data; boundary="a b"`, []byte("--a b--"))
	f.Add("multipart/form-data", []byte("x"))
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		r := httptest.NewRequest("POST", "/v1/images", nil)
		r.Body = io.NopCloser(bytes.NewReader(body))
		r.Header.Set("Content-Type", media)
		form, err := newForm(r)
		if err != nil {
			classified(t, err)
			return
		}
		files := 0
		fields, err := form.walk(func(file ingest.File, _ ingest.Fields) error {
			files++
			_, err := io.Copy(io.Discard, file.Body)
			return err
		})
		if err != nil {
			classified(t, err)
		} else if files != 1 {
			t.Errorf("a form without error had %d files, want 1", files)
		}
		if files > 1 {
			t.Errorf("%d files were taken", files)
		}
		for _, text := range []string{fields.Bucket, fields.ExternalID, fields.Metadata, fields.Preset, fields.Variants} {
			if len(text) > maxField {
				t.Errorf("a field has %d bytes, the most is %d", len(text), maxField)
			}
		}
	})
}

func classified(t *testing.T, err error) {
	t.Helper()
	if core.KindOf(err) == core.Internal {
		t.Errorf("%v has no kind", err)
	}
}

func TestAPartHeaderTakesNoMoreMemoryThanItMayHave(t *testing.T) {
	read := 0
	r := httptest.NewRequest("POST", "/v1/images", nil)
	r.Body = io.NopCloser(readFunc(func(p []byte) (int, error) {
		head := copy(p, "--B\r\nX: ")
		if read > 0 {
			head = 0
		}
		for i := head; i < len(p); i++ {
			p[i] = 'a'
		}
		read += len(p)
		return len(p), nil
	}))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	form, err := newForm(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := form.walk(nil); core.SlugOf(err) != core.InvalidMultipart {
		t.Errorf("an endless header is %v", err)
	}
	if read > 64<<10 {
		t.Errorf("%d bytes were read of an endless header", read)
	}
}

type readFunc func([]byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

func TestAnErrorOfTheTakerComesBackUnchanged(t *testing.T) {
	want := errors.New("no room")
	r := httptest.NewRequest("POST", "/v1/images", strings.NewReader("--B\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--B--"))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	form, err := newForm(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := form.walk(func(ingest.File, ingest.Fields) error { return want }); !errors.Is(err, want) || err.Error() != want.Error() { //nolint:errorlint // unchanged is meant
		t.Errorf("got %v, want %v", err, want)
	}
}

func TestPreferWaitIsReadAsRFC7240WritesIt(t *testing.T) {
	for header, want := range map[string]time.Duration{
		"wait=5": 5 * time.Second, "respond-async, wait=10": 10 * time.Second, "WAIT = 3": 3 * time.Second, `wait="4"`: 4 * time.Second,
		"wait=5;x=y": 5 * time.Second, "wait=99": 30 * time.Second, "wait=99999999999": 30 * time.Second, "wait=9999999999999999999999": 0, "wait=0": 0, "wait=-1": 0, "wait": 0, "await=5": 0, "": 0,
	} {
		if got := preferredWait([]string{header}); got != want {
			t.Errorf("Prefer: %s waits %s, want %s", header, got, want)
		}
	}
}

func TestAMergePatchDoesWhatTheExamplesOfRFC7396Say(t *testing.T) {
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"e":null}`, `{"a":1}`, `{"a":1,"e":null}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		got, err := mergePatch([]byte(c[0]), []byte(c[1]))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s patched with %s = %s, %v; want %s", c[0], c[1], got, err, c[2])
		}
	}
}

func TestATrickleEndsABodyAndABusyServerDoesNot(t *testing.T) {
	clock := time.Unix(0, 0)
	body := &paced{
		ReadCloser: io.NopCloser(strings.NewReader(strings.Repeat("x", 1<<20))), conn: http.NewResponseController(httptest.NewRecorder()),
		idle: time.Minute, now: func() time.Time { return clock },
	}
	if got := body.patience(); got != bodyGrace {
		t.Errorf("the first bytes may take %s, want %s", got, bodyGrace)
	}
	buf := make([]byte, 80<<10)
	if _, err := io.ReadFull(body, buf); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(time.Hour) // the server was busy with what it had
	if got, want := body.patience(), 20*time.Second; got != want {
		t.Errorf("after 80 KiB the next may take %s, want %s", got, want)
	}
	body.waited = 25 * time.Second // the client was slow
	if got := body.patience(); got != 0 {
		t.Errorf("a trickle has %s left, want nothing", got)
	}
}

func TestASilentBodyIsARequestTimeout(t *testing.T) {
	var got error
	s := &Server{BodyIdle: 50 * time.Millisecond}
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, got = io.ReadAll(s.paced(w, r.Body))
	}))
	silent, end := io.Pipe()
	r, err := http.NewRequestWithContext(t.Context(), "POST", ts.URL, silent)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(time.Second)
		_ = end.Close()
	}()
	if res, err := http.DefaultClient.Do(r); err == nil {
		_ = res.Body.Close()
	}
	ts.Close()
	if core.SlugOf(got) != core.RequestTimeout {
		t.Errorf("a silent body is %v, want RequestTimeout", got)
	}
}

// TestGeneratedErrorsHaveAKind is for the doors that the checks before them leave
// nothing to do.
func TestGeneratedErrorsHaveAKind(t *testing.T) {
	s := &Server{NewID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler)}
	h := s.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.unreadable(w, r, errors.New("can't decode JSON body: cable pulled"))
	}))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/images/lookup", nil))
	if w.Code != 400 || w.Header().Get("Content-Type") != "application/problem+json" || strings.Contains(w.Body.String(), "cable") {
		t.Errorf("got %d %s %s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
}
