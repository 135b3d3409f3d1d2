package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"imgd/adapters/s3"
	"imgd/core"
	"imgd/e2e/rig"
)

// deadline is how long a store may be dead before its caller hears of it.
const deadline = 5 * time.Second

// calls are all that can be asked of a store. They tell begun when they begin to
// wait for it.
func calls(t *testing.T, blobs *s3.Blobs) map[string]func(begun func()) error {
	create := func(size int64) func(func()) error {
		return func(begun func()) error {
			body := io.TeeReader(pattern(size), writerFunc(func(p []byte) (int, error) { begun(); return len(p), nil }))
			_, err := blobs.Create(t.Context(), fmt.Sprintf("o/%d", size), "text/plain", body)
			return err
		}
	}
	return map[string]func(func()) error{
		"Create of 3 bytes": create(3),
		"Create of 5 MiB":   create(5 << 20),
		"Create of 17 MiB":  create(17 << 20),
		"Open":              func(func()) error { _, err := blobs.Open(t.Context(), "o/a"); return err },
		"Delete":            func(func()) error { return blobs.Delete(t.Context(), "o/a") },
		"List": func(func()) (err error) {
			for _, err = range blobs.List(t.Context(), "") {
				break
			}
			return err
		},
		"CleanStaging": func(func()) error { _, err := blobs.CleanStaging(t.Context(), time.Now()); return err },
		"Ping":         func(func()) error { return blobs.Ping(t.Context()) },
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// expectDead makes every call at once.
func expectDead(t *testing.T, blobs *s3.Blobs) {
	t.Helper()
	type end struct {
		name string
		err  error
		took time.Duration
	}
	all, ends := calls(t, blobs), make(chan end)
	for name, call := range all {
		go func() {
			watch := rig.NewWatch()
			err := call(watch.Restart)
			ends <- end{name, err, watch.Stop()}
		}()
	}
	for range all {
		e := <-ends
		if core.KindOf(e.err) != core.Unavailable || core.RetryAfter(e.err) == 0 {
			t.Errorf("%s = %v, of kind %s, want Unavailable with a time to try again", e.name, e.err, core.KindOf(e.err))
		}
		if e.took > deadline {
			t.Errorf("%s took %s, want at most %s", e.name, e.took.Round(time.Millisecond), deadline)
		}
	}
}

func TestADeadStoreIsUnavailableWithinFiveSeconds(t *testing.T) {
	unwatched(t)
	for what, die := range map[string]func(*rig.Link){
		"nobody listens":                   (*rig.Link).Down,
		"connections are reset":            (*rig.Link).Reset,
		"connections are open and nothing": (*rig.Link).HalfOpen,
	} {
		t.Run(what, func(t *testing.T) {
			bucket := rig.S3(t)
			link := rig.Proxy(t, strings.TrimPrefix(bucket.Endpoint, "http://"))
			far := bucket
			far.Endpoint = link.Through(bucket.Endpoint)
			blobs := open(t, far)
			create(t, blobs, "o/a", "a")
			die(link)
			expectDead(t, blobs)
		})
	}
	t.Run("its process is frozen", func(t *testing.T) {
		server := rig.NewS3(t)
		blobs := open(t, server.Bucket)
		create(t, blobs, "o/kept", "kept")
		server.Stop(t)
		expectDead(t, blobs)
		server.Cont(t)
		if got := contents(t, blobs, "o/kept"); got != "kept" {
			t.Errorf("after it was thawed o/kept reads %q, want kept", got)
		}
	})
}

func TestAnAnswerThatDriesUpIsUnavailable(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodGet {
			w = &drying{w, 1 << 20, r}
		}
		store.ServeHTTP(w, r)
	}))
	create(t, blobs, "o/a", strings.Repeat("x", 3<<20))
	b, err := blobs.Open(t.Context(), "o/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	begun := time.Now()
	if n, err := io.Copy(io.Discard, b); core.KindOf(err) != core.Unavailable {
		t.Errorf("it reads %d bytes, %v, want Unavailable", n, err)
	}
	if took := time.Since(begun); took > 12*time.Second {
		t.Errorf("that took %s, want about 10 seconds of silence", took)
	}
}

// drying lets the first bytes of an answer through, and then no more.
type drying struct {
	http.ResponseWriter
	left int
	r    *http.Request
}

func (d *drying) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		d.ResponseWriter.(http.Flusher).Flush()
		<-d.r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	return d.ResponseWriter.Write(p)
}

func TestAStoreKilledInTheMiddleServesNoTruncatedObject(t *testing.T) {
	unwatched(t)
	server := rig.NewS3(t)
	link := rig.Proxy(t, server.Addr)
	far := server.Bucket
	far.Endpoint = link.Through(server.Bucket.Endpoint)
	blobs := open(t, far)
	near := open(t, server.Bucket)
	create(t, blobs, "o/before", "before")
	link.Bandwidth(10 << 10) // ten MiB a second
	for i, c := range []struct {
		size  int64
		after time.Duration
	}{{10 << 20, 300 * time.Millisecond}, {10 << 20, 800 * time.Millisecond}, {20 << 20, 500 * time.Millisecond}, {20 << 20, 1500 * time.Millisecond}} {
		key := fmt.Sprintf("o/%d", i)
		ended := make(chan error)
		go func() {
			_, err := blobs.Create(t.Context(), key, "image/tiff", pattern(c.size))
			ended <- err
		}()
		time.Sleep(c.after)
		server.Kill9()
		err := <-ended
		server.Start()
		switch {
		case err == nil:
			if got := contents(t, near, key); int64(len(got)) != c.size {
				t.Errorf("%s has %d bytes, want the %d of a Create that succeeded", key, len(got), c.size)
			}
		case core.KindOf(err) != core.Unavailable:
			t.Errorf("Create of %s = %v, want Unavailable", key, err)
		default:
			if _, err := near.Open(t.Context(), key); core.KindOf(err) != core.NotFound {
				t.Errorf("after a Create that failed, Open of %s = %v, want a NotFound", key, err)
			}
		}
	}
	if got := contents(t, near, "o/before"); got != "before" {
		t.Errorf("what was stored before reads %q", got)
	}
	if _, err := near.CleanStaging(t.Context(), time.Now().Add(time.Minute)); err != nil {
		t.Errorf("CleanStaging = %v", err)
	}
	if got := unfinished(t, server.Bucket); len(got) != 0 {
		t.Errorf("after a sweep the store keeps parts of %q, want none", got)
	}
}
