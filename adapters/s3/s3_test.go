package s3_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/adapters/s3"
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
	"imgd/ports/portstest"
)

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
