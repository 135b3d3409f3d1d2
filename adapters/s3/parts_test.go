package s3_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/adapters/s3"
	"imgd/core"
	"imgd/e2e/rig"
)

func TestAnObjectAboveSixteenMiBGoesInParts(t *testing.T) {
	var sent requests
	blobs := open(t, rig.S3(t), observed(&sent))
	if _, err := blobs.Create(t.Context(), "o/small", "image/png", pattern(16<<20-1)); err != nil {
		t.Fatal(err)
	}
	if got, want := sent.take(), []string{"PutObject"}; !slices.Equal(got, want) {
		t.Errorf("below 16 MiB the requests are %q, want %q", got, want)
	}
	sum := sha256.New()
	info, err := blobs.Create(t.Context(), "o/large", "image/png", io.TeeReader(pattern(33<<20+5), sum))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"CreateMultipartUpload", "UploadPart", "UploadPart", "UploadPart", "UploadPart", "UploadPart", "HeadObject", "CompleteMultipartUpload"}
	if got := sent.take(); !slices.Equal(got, want) {
		t.Errorf("of 33 MiB the requests are %q, want %q", got, want)
	}
	if hash := hex.EncodeToString(sum.Sum(nil)); info.Bytes != 33<<20+5 || info.SHA256 != hash {
		t.Errorf("Create = %+v, want %d bytes with hash %s", info, 33<<20+5, hash)
	}
	b, err := blobs.Open(t.Context(), "o/large")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	stored := sha256.New()
	if n, err := io.Copy(stored, b); err != nil || n != info.Bytes || hex.EncodeToString(stored.Sum(nil)) != info.SHA256 {
		t.Errorf("it reads back as %d bytes (%v) with another hash", n, err)
	}
}

func TestOfSixteenLargeCreatorsOneWins(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, bucket)
	var (
		wg   sync.WaitGroup
		wins atomic.Int32
	)
	for i := range 16 {
		wg.Go(func() {
			body := io.MultiReader(strings.NewReader(string(rune('a'+i))), pattern(16<<20))
			_, err := blobs.Create(t.Context(), "v/1/a", "text/plain", body)
			switch {
			case err == nil:
				wins.Add(1)
			case core.KindOf(err) != core.Conflict:
				t.Errorf("a losing Create = %v, want a Conflict", err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d of 16 racing creators won, want 1", wins.Load())
	}
	if got := unfinished(t, bucket); len(got) != 0 {
		t.Errorf("the losers left parts of %q, want none", got)
	}
}

func TestAnObjectThatAppearsAtTheLastMomentStays(t *testing.T) {
	bucket := rig.S3(t)
	direct := open(t, bucket)
	blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodPost && r.URL.Query().Has("uploadId") {
			create(t, direct, "o/a", "first")
		}
		store.ServeHTTP(w, r)
	}))
	if _, err := blobs.Create(t.Context(), "o/a", "text/plain", pattern(17<<20)); core.KindOf(err) != core.Conflict {
		t.Errorf("Create = %v, want a Conflict", err)
	}
	if got := contents(t, direct, "o/a"); got != "first" {
		t.Errorf("o/a has %d bytes, want those that came first", len(got))
	}
	if got := unfinished(t, bucket); len(got) != 0 {
		t.Errorf("the store keeps parts of %q, want none", got)
	}
}

func TestAnInterruptedLargeCreateLeavesNothingUnfinished(t *testing.T) {
	cable := errors.New("cable pulled")
	for what, begin := range map[string]func(context.CancelFunc) (io.Reader, error){
		"a torn reader": func(context.CancelFunc) (io.Reader, error) {
			return io.MultiReader(pattern(30<<20), iotest.ErrReader(cable)), cable
		},
		"a cancelled context": func(cancel context.CancelFunc) (io.Reader, error) {
			return io.MultiReader(pattern(30<<20), readerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })), context.Canceled
		},
	} {
		t.Run(what, func(t *testing.T) {
			bucket := rig.S3(t)
			var sent requests
			blobs := open(t, bucket, observed(&sent))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body, want := begin(cancel)
			_, err := blobs.Create(ctx, "o/a", "text/plain", body)
			if err != want { //nolint:errorlint // unchanged is what the port promises
				t.Errorf("Create = %v, want %v as it is", err, want)
			}
			if got := sent.take(); !slices.Contains(got, "UploadPart") {
				t.Errorf("the requests were %q: it did not come to sending parts", got)
			}
			if got := keysOf(t, blobs, ""); len(got) != 0 {
				t.Errorf("the store has %q, want nothing", got)
			}
			if got := unfinished(t, bucket); len(got) != 0 {
				t.Errorf("the store keeps parts of %q, want none", got)
			}
		})
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestAContextThatEndsInARequestLeavesAllOrNothing(t *testing.T) {
	bucket := rig.S3(t)
	direct := open(t, bucket)
	const part, whole = 17 << 20, 1 << 20
	for what, c := range map[string]struct {
		is   func(*http.Request) bool
		size int64
		made bool // by that request
	}{
		"PutObject":  {func(r *http.Request) bool { return r.Method == http.MethodPut }, whole, true},
		"the first":  {func(r *http.Request) bool { return r.URL.Query().Has("uploads") }, part, false},
		"UploadPart": {func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" }, part, false},
		"HeadObject": {func(r *http.Request) bool { return r.Method == http.MethodHead }, part, false},
		"Complete":   {func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }, part, true},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var reached atomic.Bool
			blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
				if c.is(r) && !reached.Swap(true) {
					r = r.WithContext(context.WithoutCancel(r.Context())) // the store goes on, though nobody may hear of it
					cancel()
				}
				store.ServeHTTP(w, r)
			}))
			defer direct.Delete(context.WithoutCancel(t.Context()), "o/a") //nolint:errcheck // the next one would fail
			_, err := blobs.Create(ctx, "o/a", "text/plain", pattern(c.size))
			if !reached.Load() {
				t.Error("the request was never sent")
			}
			got := keysOf(t, direct, "")
			if c.made && (err != nil || len(got) != 1) {
				t.Errorf("Create = %v and the store has %q, want success and the object: it was on its way", err, got)
			}
			if !c.made && (!errors.Is(err, context.Canceled) || len(got) != 0) {
				t.Errorf("Create = %v and the store has %q, want the context's own error and nothing", err, got)
			}
			if got := unfinished(t, bucket); len(got) != 0 {
				t.Errorf("the store keeps parts of %q, want none", got)
			}
		})
	}
}

// Another creator may have found the object meanwhile, and a row may name it.
func TestARequestThatIsGivenUpTakesNothingBack(t *testing.T) {
	bucket := rig.S3(t)
	direct := open(t, bucket)
	for what, c := range map[string]struct {
		is   func(*http.Request) bool
		size int64
	}{
		"whole": {func(r *http.Request) bool { return r.Method == http.MethodPut }, 1},
		"parts": {func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploadId") }, 17 << 20},
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
				if !c.is(r) {
					store.ServeHTTP(w, r)
					return
				}
				store.ServeHTTP(httptest.NewRecorder(), r.WithContext(context.WithoutCancel(r.Context())))
				if _, err := direct.Create(t.Context(), "v/"+what, "text/plain", pattern(c.size)); core.KindOf(err) != core.Conflict {
					t.Errorf("Create by another = %v, want a Conflict", err)
				}
				cancel()
				<-r.Context().Done() // it is made, and the answer does not come
			}))
			if _, err := blobs.Create(ctx, "v/"+what, "text/plain", pattern(c.size)); !errors.Is(err, context.Canceled) {
				t.Errorf("Create = %v, want the context's own error", err)
			}
			if got := contents(t, direct, "v/"+what); int64(len(got)) != c.size {
				t.Errorf("what the other found has %d bytes now, want %d", len(got), c.size)
			}
			if got := unfinished(t, bucket); len(got) != 0 {
				t.Errorf("the store keeps parts of %q, want none", got)
			}
		})
	}
}

func TestStagingOfTheDeadIsCleanedAndOfTheLivingIsNot(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, bucket, func(c *s3.Config) { c.Prefix = "ours" })
	begin := func(key string) {
		t.Helper()
		out, err := stranger(bucket).CreateMultipartUpload(t.Context(), &sdk.CreateMultipartUploadInput{Bucket: &bucket.Name, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stranger(bucket).UploadPart(t.Context(), &sdk.UploadPartInput{
			Bucket: &bucket.Name, Key: &key, UploadId: out.UploadId, PartNumber: aws.Int32(1), Body: strings.NewReader("part"),
		}); err != nil {
			t.Fatal(err)
		}
	}
	begin("ours/o/old-1")
	begin("ours/o/old-2")
	begin("theirs/o/old")
	time.Sleep(2 * time.Second)
	border := time.Now().Add(-time.Second)
	begin("ours/o/young")
	if n, err := blobs.Unfinished(t.Context(), border); n != 2 || err != nil {
		t.Errorf("Unfinished = %d, %v, want the 2 that are old and ours", n, err)
	}
	if n, err := blobs.CleanStaging(t.Context(), border); n != 2 || err != nil {
		t.Errorf("CleanStaging = %d, %v, want 2 removed", n, err)
	}
	got := unfinished(t, bucket)
	if slices.Sort(got); !slices.Equal(got, []string{"ours/o/young", "theirs/o/old"}) {
		t.Errorf("the store still keeps parts of %q, want the young one and what is not ours", got)
	}
	if n, err := blobs.CleanStaging(t.Context(), time.Now().Add(time.Minute)); n != 1 || err != nil {
		t.Errorf("CleanStaging when it is old too = %d, %v, want 1 removed", n, err)
	}
}

func TestTwoHundredMiBDoNotTakeMuchMemory(t *testing.T) {
	blobs := open(t, rig.S3(t))
	create(t, blobs, "o/warm", "up")
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapInuse
	}
	runtime.GC()
	runtime.GC() // pools keep what they have over one of them
	before := heap()
	var peak atomic.Uint64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				peak.Store(max(peak.Load(), heap()))
			}
		}
	})
	info, err := blobs.Create(t.Context(), "o/large", "image/tiff", pattern(200<<20))
	close(done)
	wg.Wait()
	if err != nil || info.Bytes != 200<<20 {
		t.Fatalf("Create = %+v, %v, want 200 MiB", info, err)
	}
	grown := int64(peak.Load()) - int64(before)
	t.Logf("the heap grew by %.1f MiB", float64(grown)/(1<<20))
	if grown > 32<<20 {
		t.Errorf("the heap grew by %d MiB, want at most 32", grown>>20)
	}
}
