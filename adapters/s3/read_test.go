package s3_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/core"
	"imgd/e2e/rig"
)

func TestASequentialReadIsOneRequest(t *testing.T) {
	var sent requests
	blobs := open(t, rig.S3(t), observed(&sent))
	create(t, blobs, "o/a", strings.Repeat("x", 3<<20))
	sent.take()
	b, err := blobs.Open(t.Context(), "o/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	// What a server of files does first: it asks for the size, and goes back.
	for _, whence := range []int{io.SeekEnd, io.SeekStart} {
		if _, err := b.Seek(0, whence); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := io.Copy(io.Discard, b); n != 3<<20 || err != nil {
		t.Errorf("it reads %d bytes (%v), want 3 MiB", n, err)
	}
	if got := sent.take(); !slices.Equal(got, []string{"GetObject"}) {
		t.Errorf("the requests are %q, want one GetObject", got)
	}
	if age := time.Since(b.Modified); b.File != nil || age < -time.Minute || age > time.Minute {
		t.Errorf("the blob has the descriptor %v and was modified %s ago, want none and now", b.File, age)
	}
}

func TestReadsFromAnywhereInALargeObject(t *testing.T) {
	var sent requests
	blobs := open(t, rig.S3(t), observed(&sent))
	want, err := io.ReadAll(pattern(20 << 20))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := blobs.Create(t.Context(), "o/a", "image/tiff", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	b, err := blobs.Open(t.Context(), "o/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	got := make([]byte, 100_000)
	for range 20 {
		at := rand.Int64N(b.Bytes)
		if _, err := b.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		n, err := io.ReadFull(b, got)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(got[:n], want[at:at+int64(n)]) || n < len(got) && at+int64(n) < b.Bytes {
			t.Fatalf("at %d it reads %d bytes (%v) that are not those there", at, n, err)
		}
	}
	sent.take()
	if _, err := b.Seek(1<<20, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	for range 10 { // over gaps that are read rather than asked for
		if _, err := io.ReadFull(b, got); err != nil {
			t.Fatal(err)
		}
		at, err := b.Seek(10_000, io.SeekCurrent)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want[at-10_000-int64(len(got)):at-10_000]) {
			t.Fatalf("before %d it reads other bytes than are there", at)
		}
	}
	if got := sent.take(); len(got) != 1 {
		t.Errorf("to read over small gaps takes %q, want one request", got)
	}
}

func TestAReplacedObjectIsNeverMixedWithTheOldOne(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, bucket)
	create(t, blobs, "o/a", strings.Repeat("old", 1<<20))
	b, err := blobs.Open(t.Context(), "o/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, err := io.ReadFull(b, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	key := "o/a"
	if _, err := stranger(bucket).PutObject(t.Context(), &sdk.PutObjectInput{
		Bucket: &bucket.Name, Key: &key, Body: strings.NewReader(strings.Repeat("new", 1<<20)),
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Seek(2<<20, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	if n, err := b.Read(make([]byte, 10)); n != 0 || core.KindOf(err) != core.Conflict {
		t.Errorf("a read elsewhere = %d bytes, %v, want a Conflict", n, err)
	}
}

// cutting lets only the first n bytes of an answer through.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) > c.left {
		_, _ = c.ResponseWriter.Write(p[:c.left])
		c.ResponseWriter.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	c.left -= len(p)
	return c.ResponseWriter.Write(p)
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func TestAnAnswerThatBreaksOffIsContinued(t *testing.T) {
	bucket := rig.S3(t)
	want, err := io.ReadAll(pattern(5 << 20))
	if err != nil {
		t.Fatal(err)
	}
	var cuts atomic.Int32
	var sent requests
	blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodGet && cuts.Add(1) <= 2 {
			w = &cutting{w, 2 << 20}
		}
		store.ServeHTTP(w, r)
	}), observed(&sent))
	if _, err := blobs.Create(t.Context(), "o/a", "image/tiff", bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	sent.take()
	if got := contents(t, blobs, "o/a"); got != string(want) {
		t.Errorf("it reads %d bytes that are not those stored", len(got))
	}
	if got := sent.take(); len(got) != 3 {
		t.Errorf("the requests are %q, want three", got)
	}
}

func TestAnAnswerThatNeverGetsOnIsUnavailable(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodGet {
			limit := 1 << 20
			if r.Header.Get("Range") != "" {
				limit = 0
			}
			w = &cutting{w, limit}
		}
		store.ServeHTTP(w, r)
	}))
	create(t, blobs, "o/a", strings.Repeat("x", 3<<20))
	b, err := blobs.Open(t.Context(), "o/a")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	n, err := io.Copy(io.Discard, b)
	if core.KindOf(err) != core.Unavailable || n >= 3<<20 {
		t.Errorf("it reads %d bytes, %v, want fewer than 3 MiB and Unavailable", n, err)
	}
	if core.RetryAfter(err) == 0 {
		t.Error("the error does not say when to try again")
	}
}
