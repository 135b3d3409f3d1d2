package s3_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
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
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
	"imgd/ports/portstest"
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

func TestBlobs(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs { return open(t, rig.S3(t)) })
}

func TestBlobsUnderAPrefix(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs {
		return open(t, rig.S3(t), func(c *s3.Config) { c.Prefix = "imgd/prod" })
	})
}

func TestBlobsWithTheChecksumsOfAWS(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs {
		bucket := rig.S3(t)
		t.Setenv("AWS_ENDPOINT_URL_S3", bucket.Endpoint)
		return open(t, bucket, func(c *s3.Config) { c.Endpoint = "" })
	})
}

func TestLinks(t *testing.T) {
	portstest.Links(t, func(t *testing.T) (ports.Blobs, ports.Links) {
		blobs := open(t, rig.S3(t))
		return blobs, blobs
	})
}

func TestPrefixesDoNotLeakIntoEachOther(t *testing.T) {
	bucket := rig.S3(t)
	under := func(prefix string) *s3.Blobs {
		return open(t, bucket, func(c *s3.Config) { c.Prefix = prefix })
	}
	one, ten, bare := under("site-1"), under("site-10"), under("")
	create(t, one, "o/a", "of one")
	create(t, ten, "o/a", "of ten")
	create(t, ten, "o/b", "of ten")
	if got := keysOf(t, one, ""); !slices.Equal(got, []string{"o/a"}) {
		t.Errorf("site-1 lists %q, want its own o/a only", got)
	}
	if got := contents(t, one, "o/a"); got != "of one" {
		t.Errorf("o/a of site-1 reads %q, want its own bytes", got)
	}
	if err := one.Delete(t.Context(), "o/"); err != nil {
		t.Error(err)
	}
	if got := keysOf(t, bare, ""); !slices.Equal(got, []string{"site-10/o/a", "site-10/o/b"}) {
		t.Errorf("after all of site-1 is deleted the bucket has %q, want what site-10 had", got)
	}
}

func TestWhatIsNoKeyIsNotListed(t *testing.T) {
	bucket := rig.S3(t)
	blobs := open(t, bucket, func(c *s3.Config) { c.Prefix = "p" })
	create(t, blobs, "o/a", "a")
	for _, foreign := range []string{"p/folder/", "p/o/Mine.TXT", "README.md"} {
		if _, err := stranger(bucket).PutObject(t.Context(), &sdk.PutObjectInput{Bucket: &bucket.Name, Key: &foreign}); err != nil {
			t.Fatal(err)
		}
	}
	if got := keysOf(t, blobs, ""); !slices.Equal(got, []string{"o/a"}) {
		t.Errorf("List = %q, want our own o/a only", got)
	}
}

func TestListAndDeleteGoOnAfterAThousand(t *testing.T) {
	blobs := open(t, rig.S3(t))
	const n = 1203
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; i < n; i += 4 {
				if _, err := blobs.Create(t.Context(), fmt.Sprintf("v/1/%d", i), "text/plain", strings.NewReader("x")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	create(t, blobs, "v/2", "x")
	if got := len(keysOf(t, blobs, "v/1/")); got != n {
		t.Errorf("List has %d keys, want %d", got, n)
	}
	if err := blobs.Delete(t.Context(), "v/1/"); err != nil {
		t.Error(err)
	}
	if got := keysOf(t, blobs, ""); !slices.Equal(got, []string{"v/2"}) {
		t.Errorf("after the delete there are %d keys, want v/2 only", len(got))
	}
}

func TestAJobOfFourVariantsCostsFiveRequests(t *testing.T) {
	var sent requests
	blobs := open(t, rig.S3(t), observed(&sent))
	create(t, blobs, "o/1", strings.Repeat("original", 1<<17))
	sent.take()
	contents(t, blobs, "o/1")
	for i := range 4 {
		create(t, blobs, fmt.Sprintf("v/1/%d.webp", i), strings.Repeat("rendered", 1<<12))
	}
	if got := sent.take(); len(got) != 5 {
		t.Errorf("it cost %q, want one GetObject and four PutObject", got)
	}
}

func TestPingTellsAnOperatorWhatToDo(t *testing.T) {
	bucket := rig.S3(t)
	if err := open(t, bucket).Ping(t.Context()); err != nil {
		t.Errorf("Ping of a bucket that is there = %v", err)
	}
	for what, c := range map[string]struct {
		edit func(*s3.Config)
		want []string
	}{
		"a missing bucket": {func(c *s3.Config) { c.Bucket = "no-such-bucket" }, []string{"no-such-bucket", bucket.Endpoint, "create it"}},
		"a wrong secret":   {func(c *s3.Config) { c.SecretKey = "wrong" }, []string{"AWS_SECRET_ACCESS_KEY", bucket.Name}},
		"a wrong account":  {func(c *s3.Config) { c.AccessKey = "nobody" }, []string{"AWS_ACCESS_KEY_ID", bucket.Name}},
	} {
		t.Run(what, func(t *testing.T) {
			err := open(t, bucket, c.edit).Ping(t.Context())
			if err == nil {
				t.Fatal("Ping = nil, want an error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("Ping = %v, want it to say %q", err, want)
				}
			}
		})
	}
	t.Run("no credentials", func(t *testing.T) {
		t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
		for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
			t.Setenv(name, "")
		}
		err := open(t, bucket, func(c *s3.Config) { c.AccessKey = "" }).Ping(t.Context())
		if err == nil || !strings.Contains(err.Error(), "no credentials") {
			t.Errorf("Ping = %v, want it to say that there are no credentials", err)
		}
	})
	t.Run("credentials of the environment", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", bucket.AccessKey)
		t.Setenv("AWS_SECRET_ACCESS_KEY", bucket.SecretKey)
		if err := open(t, bucket, func(c *s3.Config) { c.AccessKey = "" }).Ping(t.Context()); err != nil {
			t.Errorf("Ping = %v, want the account of the environment to be used", err)
		}
	})
}

func TestRefusedCredentialsAreOurMistakeAndNotTheKeys(t *testing.T) {
	blobs := open(t, rig.S3(t), func(c *s3.Config) { c.SecretKey = "wrong" })
	_, err := blobs.Open(t.Context(), "o/a")
	if core.KindOf(err) != core.Internal || !strings.Contains(err.Error(), "credentials") {
		t.Errorf("Open = %v, of kind %s, want an Internal that speaks of credentials", err, core.KindOf(err))
	}
}

func TestABucketThatIsGoneIsNotAMissingKey(t *testing.T) {
	blobs := open(t, rig.S3(t), func(c *s3.Config) { c.Bucket = "no-such-bucket" })
	if _, err := blobs.Open(t.Context(), "o/a"); core.KindOf(err) != core.Unavailable {
		t.Errorf("Open = %v, of kind %s, want Unavailable: the original may well exist", err, core.KindOf(err))
	}
}

func TestAnEndedContextSpeaksForItself(t *testing.T) {
	blobs := open(t, rig.S3(t))
	create(t, blobs, "o/a", "a")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"Create": func() error { _, err := blobs.Create(ctx, "o/b", "text/plain", strings.NewReader("b")); return err },
		"Open":   func() error { _, err := blobs.Open(ctx, "o/a"); return err },
		"Delete": func() error { return blobs.Delete(ctx, "o/a") },
		"List": func() (err error) {
			for _, err = range blobs.List(ctx, "") {
				break
			}
			return err
		},
		"CleanStaging": func() error { _, err := blobs.CleanStaging(ctx, time.Now()); return err },
		"Ping":         func() error { return blobs.Ping(ctx) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want the context's own error", name, err)
		}
	}
}
