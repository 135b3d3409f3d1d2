package s3_test

import (
	"bytes"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/goleak"

	"imgd/adapters/s3"
	"imgd/e2e/rig"
	"imgd/ports"
)

func TestMain(m *testing.M) {
	// A developer's own account has no part in this.
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		_ = os.Setenv(name, os.DevNull)
	}
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_CA_BUNDLE"} {
		_ = os.Unsetenv(name)
	}
	os.Exit(m.Run())
}

// requests are the operations that were sent, in their order.
type requests struct {
	mu  sync.Mutex
	ops []string
}

func (r *requests) observe(op string, _ time.Duration, _ error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ops = append(r.ops, op)
}

// take returns what was sent since it was last called.
func (r *requests) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ops := r.ops
	r.ops = nil
	return ops
}

// watched are the names of tests whose goroutines are counted at their end.
var watched sync.Map

// watch holds a test to leaving no goroutine behind, if none above it does so.
func watch(t *testing.T) {
	for name := t.Name(); name != "."; name = path.Dir(name) {
		if _, ok := watched.Load(name); ok {
			return
		}
	}
	watched.Store(t.Name(), true)
	others := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		watched.Delete(t.Name())
		goleak.VerifyNone(t, others)
	})
}

// unwatched is for tests whose servers and proxies start goroutines of their own
// while they run.
func unwatched(t *testing.T) { watched.Store(t.Name(), true) }

// open uses a bucket, and holds the adapter to leaving no goroutine behind.
func open(t *testing.T, bucket rig.Bucket, edits ...func(*s3.Config)) *s3.Blobs {
	t.Helper()
	c, err := s3.ParseURL(bucket.URL())
	if err != nil {
		t.Fatal(err)
	}
	c.AccessKey, c.SecretKey = bucket.AccessKey, bucket.SecretKey
	for _, edit := range edits {
		edit(&c)
	}
	watch(t)
	blobs, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blobs.Close(); err != nil {
			t.Error(err)
		}
	})
	return blobs
}

func observed(r *requests) func(*s3.Config) { return func(c *s3.Config) { c.Observe = r.observe } }

// meddler stands between a store and whoever uses it.
type meddler func(w http.ResponseWriter, r *http.Request, store http.Handler)

// meddle puts f in front of the store; the returned bucket leads there.
func meddle(t *testing.T, bucket rig.Bucket, f meddler) rig.Bucket {
	t.Helper()
	server := httptest.NewServer(behind(t, bucket, f))
	t.Cleanup(server.Close)
	bucket.Endpoint = server.URL
	return bucket
}

// meddleOverTLS is meddle with a certificate that only AWS_CA_BUNDLE knows.
func meddleOverTLS(t *testing.T, bucket rig.Bucket, f meddler) rig.Bucket {
	t.Helper()
	server := httptest.NewTLSServer(behind(t, bucket, f))
	t.Cleanup(server.Close)
	bundle := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(bundle, block, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CA_BUNDLE", bundle)
	bucket.Endpoint = server.URL
	return bucket
}

// behind is the store as f lets it be seen.
func behind(t *testing.T, bucket rig.Bucket, f meddler) http.Handler {
	t.Helper()
	watch(t)
	target, err := url.Parse(bucket.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	store := &httputil.ReverseProxy{
		Transport:    transport,
		Rewrite:      func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }, // the host is signed
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(w, r, store) })
}

// stranger is a client that is not the adapter.
func stranger(b rig.Bucket) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(b.Endpoint), Region: b.Region, UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(b.AccessKey, b.SecretKey, ""),
		HTTPClient:  &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
}

// unfinished are the uploads the store still keeps parts of.
func unfinished(t *testing.T, b rig.Bucket) (keys []string) {
	t.Helper()
	out, err := stranger(b).ListMultipartUploads(t.Context(), &sdk.ListMultipartUploadsInput{Bucket: &b.Name})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys
}

func create(t *testing.T, blobs ports.Blobs, key, text string) {
	t.Helper()
	if _, err := blobs.Create(t.Context(), key, "text/plain", strings.NewReader(text)); err != nil {
		t.Fatalf("Create(%s) = %v", key, err)
	}
}

func keysOf(t *testing.T, blobs ports.Blobs, prefix string) (keys []string) {
	t.Helper()
	for e, err := range blobs.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q) = %v", prefix, err)
		}
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}

func contents(t *testing.T, blobs ports.Blobs, key string) string {
	t.Helper()
	b, err := blobs.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("Open(%s) = %v", key, err)
	}
	defer b.Close()
	var got bytes.Buffer
	got.Grow(int(b.Bytes) + bytes.MinRead)
	if _, err := got.ReadFrom(b); err != nil {
		t.Fatalf("reading %s: %v", key, err)
	}
	return got.String()
}

// pattern reads n bytes that repeat, though no two parts of an upload are alike.
func pattern(n int64) io.Reader { return io.LimitReader(&repeating{}, n) }

type repeating struct{ at int }

var noise = func() []byte {
	b := make([]byte, 1<<20-3)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b) // it never fails
	return b
}()

func (r *repeating) Read(p []byte) (int, error) {
	n := copy(p, noise[r.at:])
	r.at = (r.at + n) % len(noise)
	return n, nil
}
