package s3_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/s3"
	"imgd/core"
	"imgd/e2e/rig"
)

func TestALostAnswerIsNoConflict(t *testing.T) {
	bucket := rig.S3(t)
	for what, size := range map[string]int64{"one small request": 1 << 10, "one request": 1 << 20, "one large request": 5 << 20, "parts": 17 << 20} {
		t.Run(what, func(t *testing.T) {
			var lost atomic.Int32
			blobs := open(t, meddle(t, bucket, func(w http.ResponseWriter, r *http.Request, store http.Handler) {
				whole := r.Method == http.MethodPut && !r.URL.Query().Has("partNumber")
				complete := r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
				if (whole || complete) && lost.Add(1) == 1 {
					store.ServeHTTP(httptest.NewRecorder(), r)
					panic(http.ErrAbortHandler)
				}
				store.ServeHTTP(w, r)
			}))
			key := fmt.Sprintf("o/%d", size)
			if _, err := blobs.Create(t.Context(), key, "image/tiff", pattern(size)); err != nil {
				t.Errorf("Create whose first answer was lost = %v, want success: it is our own object", err)
			}
			if got := contents(t, blobs, key); int64(len(got)) != size {
				t.Errorf("%s has %d bytes, want %d", key, len(got), size)
			}
			if _, err := blobs.Create(t.Context(), key, "image/tiff", pattern(size)); core.KindOf(err) != core.Conflict {
				t.Errorf("a second Create = %v, want a Conflict", err)
			}
			if got := unfinished(t, bucket); len(got) != 0 {
				t.Errorf("the store keeps parts of %q, want none", got)
			}
		})
	}
}

// refusing answers every request with one error until times are over.
func refusing(status int, code string, times *atomic.Int32) meddler {
	return func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if times.Add(-1) < 0 {
			store.ServeHTTP(w, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		if code != "" {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", code)
		}
	}
}

func TestAnswersHaveTheKindTheyMean(t *testing.T) {
	bucket := rig.S3(t)
	for _, c := range []struct {
		status int
		code   string
		want   core.Kind
	}{
		{503, "SlowDown", core.Unavailable},
		{500, "InternalError", core.Unavailable},
		{502, "", core.Unavailable},
		{429, "TooManyRequests", core.Unavailable},
		{400, "RequestTimeout", core.Unavailable},
		{507, "", core.Full},
		{507, "InsufficientStorage", core.Full},
		{403, "QuotaExceeded", core.Full},
		{403, "AccessDenied", core.Internal},
		{404, "NoSuchKey", core.NotFound},
		{404, "XAdminUserNotFound", core.Internal},
		{404, "NoSuchThing", core.Internal},
		{404, "NoSuchBucket", core.Unavailable},
		{409, "ConditionalRequestConflict", core.Conflict},
		{412, "PreconditionFailed", core.Conflict},
		{501, "NotImplemented", core.Internal},
	} {
		var times atomic.Int32
		times.Store(1000)
		blobs := open(t, meddle(t, bucket, refusing(c.status, c.code, &times)))
		begun := time.Now()
		_, err := blobs.Create(t.Context(), "o/a", "text/plain", strings.NewReader("a"))
		if core.KindOf(err) != c.want {
			t.Errorf("Create answered by %d %s = %v, of kind %s, want %s", c.status, c.code, err, core.KindOf(err), c.want)
		}
		if took := time.Since(begun); took > deadline {
			t.Errorf("Create answered by %d %s took %s, want at most %s", c.status, c.code, took, deadline)
		}
		if got := core.RetryAfter(err); c.want == core.Unavailable && got != 7*time.Second {
			t.Errorf("answered by %d %s it says to wait %s, want the store's own 7s", c.status, c.code, got)
		}
	}
}

func TestAStoreThatIsBusyForAMomentIsAskedAgain(t *testing.T) {
	bucket := rig.S3(t)
	for code, status := range map[string]int{"SlowDown": 503, "ConditionalRequestConflict": 409} {
		var times atomic.Int32
		times.Store(2)
		var sent requests
		blobs := open(t, meddle(t, bucket, refusing(status, code, &times)), observed(&sent))
		if _, err := blobs.Create(t.Context(), fmt.Sprintf("o/%d", status), "text/plain", strings.NewReader("a")); err != nil {
			t.Errorf("Create after two times %s = %v, want success", code, err)
		}
		if got := sent.take(); !slices.Equal(got, []string{"PutObject", "PutObject", "PutObject"}) {
			t.Errorf("the requests are %q, want three", got)
		}
	}
}

// flipping changes one bit of every body that is not small.
func flipping(w http.ResponseWriter, r *http.Request, store http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if len(body) > 1000 && r.Method == http.MethodPut {
		body[len(body)/2] ^= 1
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	store.ServeHTTP(w, r)
}

func TestBytesThatChangeOnTheWayAreRefused(t *testing.T) {
	bucket := rig.S3(t)
	for what, far := range map[string]func(*testing.T) (rig.Bucket, func(*s3.Config)){
		"http": func(t *testing.T) (rig.Bucket, func(*s3.Config)) {
			return meddle(t, bucket, flipping), func(*s3.Config) {}
		},
		"https": func(t *testing.T) (rig.Bucket, func(*s3.Config)) {
			return meddleOverTLS(t, bucket, flipping), func(*s3.Config) {}
		},
		"https, as AWS is used": func(t *testing.T) (rig.Bucket, func(*s3.Config)) {
			b := meddleOverTLS(t, bucket, flipping)
			t.Setenv("AWS_ENDPOINT_URL_S3", b.Endpoint)
			return b, func(c *s3.Config) { c.Endpoint = "" }
		},
	} {
		t.Run(what, func(t *testing.T) {
			through, edit := far(t)
			blobs := open(t, through, edit)
			for _, size := range []int64{1 << 20, 17 << 20} {
				if _, err := blobs.Create(t.Context(), "o/a", "image/tiff", pattern(size)); core.KindOf(err) != core.Unavailable {
					t.Errorf("Create of %d bytes of which one changes = %v, want Unavailable", size, err)
				}
			}
			if _, err := blobs.Create(t.Context(), "o/b", "image/tiff", pattern(100)); err != nil {
				t.Errorf("Create of what stays as it is = %v", err)
			}
			if err := blobs.Delete(t.Context(), "o/b"); err != nil {
				t.Error(err)
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

func TestAStoreThatCannotDeleteManyAtOnceDeletesOneByOne(t *testing.T) {
	var sent requests
	blobs := open(t, meddle(t, rig.S3(t), func(w http.ResponseWriter, r *http.Request, store http.Handler) {
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		store.ServeHTTP(w, r)
	}), observed(&sent))
	for i := range 3 {
		create(t, blobs, fmt.Sprintf("v/1/%d", i), "x")
	}
	create(t, blobs, "v/2/0", "x")
	sent.take()
	if err := blobs.Delete(t.Context(), "v/1/"); err != nil {
		t.Errorf("Delete = %v", err)
	}
	if got := keysOf(t, blobs, ""); !slices.Equal(got, []string{"v/2/0"}) {
		t.Errorf("the store has %q, want v/2/0 only", got)
	}
	if got := sent.take(); len(got) != 6 {
		t.Errorf("the requests are %q, want a list, a refused batch, three deletes and a list", got)
	}
}

func TestARefusedReaderErrorIsNotTheStores(t *testing.T) {
	blobs := open(t, rig.S3(t))
	large := core.UploadTooLarge.Errorf("it is too large").With("limit", 1)
	_, err := blobs.Create(t.Context(), "o/a", "text/plain", readerFunc(func([]byte) (int, error) { return 0, large }))
	if e, ok := errors.AsType[*core.Error](err); !ok || e != large {
		t.Errorf("Create = %v, want the reader's own error", err)
	}
}
