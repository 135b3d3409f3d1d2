package rig

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

var objects = &component{
	name:     "S3",
	variable: "TEST_S3_ENDPOINT",
	image:    image{"TEST_IMAGE_S3", "versity/versitygw:v1.8.0"},
	given:    givenS3,
	url:      func(addr string) string { return "http://imgd:" + secret() + "@" + addr },
	answers: func(ctx context.Context, server string) error {
		b, err := bucketOn(server)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		_, err = b.client().ListBuckets(ctx, &s3.ListBucketsInput{})
		return err
	},
	program: findVersity,
	native:  planVersity,
	boxed:   boxVersity,
}

// Bucket is a place on an S3 server, with the account that may use it.
type Bucket struct {
	Endpoint  string
	Region    string
	AccessKey string
	SecretKey string
	Name      string
}

// URL is the bucket as a setting of imgd names it, without the account.
func (b Bucket) URL() string {
	q := url.Values{"endpoint": {b.Endpoint}, "region": {b.Region}, "path_style": {"true"}}
	return "s3://" + b.Name + "?" + q.Encode()
}

// S3 returns a fresh, empty bucket on a server that the tests of this process share.
// The bucket is removed at the test's end, with all that is in it.
func S3(t testing.TB) Bucket {
	t.Helper()
	b, err := newBucket(objects.share(t))
	if err != nil {
		t.Fatalf("a bucket cannot be created: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.remove(ctx); err != nil {
			t.Errorf("the bucket cannot be removed: %v", err)
		}
	})
	return b
}

// NewS3 starts an S3 server of the test's own; URL and Bucket are those of a fresh,
// empty bucket on it.
func NewS3(t testing.TB) *Server {
	t.Helper()
	s := objects.own(t)
	var err error
	if s.Bucket, err = newBucket(s.URL); err != nil {
		t.Fatalf("a bucket cannot be created: %v", err)
	}
	s.URL = s.Bucket.URL()
	return s
}

// givenS3 puts the account into the endpoint's URL.
func givenS3() string {
	endpoint := os.Getenv("TEST_S3_ENDPOINT")
	u, err := url.Parse(endpoint)
	if endpoint == "" || err != nil {
		return endpoint // a wrong one is refused when it is used
	}
	u.User = url.UserPassword(os.Getenv("TEST_S3_ACCESS_KEY"), os.Getenv("TEST_S3_SECRET_KEY"))
	return u.String()
}

// bucketOn reads the server's URL; the bucket has no name yet.
func bucketOn(server string) (Bucket, error) {
	u, err := url.Parse(server)
	if err != nil {
		return Bucket{}, err
	}
	if u.Host == "" || u.User == nil {
		return Bucket{}, errors.New("an S3 endpoint looks like http://127.0.0.1:9000")
	}
	b := Bucket{Region: os.Getenv("TEST_S3_REGION"), AccessKey: u.User.Username()}
	if b.Region == "" {
		b.Region = "us-east-1"
	}
	b.SecretKey, _ = u.User.Password()
	u.User = nil
	b.Endpoint = u.String()
	return b, nil
}

func newBucket(server string) (Bucket, error) {
	b, err := bucketOn(server)
	if err != nil {
		return b, err
	}
	b.Name = "imgd-test-" + strings.ToLower(rand.Text()[:16])
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	_, err = b.client().CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &b.Name})
	return b, err
}

func (b Bucket) client() *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(b.Endpoint),
		Region:       b.Region,
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(b.AccessKey, b.SecretKey, ""),
	})
}

func (b Bucket) remove(ctx context.Context) error {
	c := b.client()
	uploads, err := c.ListMultipartUploads(ctx, &s3.ListMultipartUploadsInput{Bucket: &b.Name})
	if err != nil {
		return err
	}
	for _, u := range uploads.Uploads {
		if _, err := c.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.Name, Key: u.Key, UploadId: u.UploadId}); err != nil {
			return err
		}
	}
	pages := s3.NewListObjectsV2Paginator(c, &s3.ListObjectsV2Input{Bucket: &b.Name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		if err := b.removeAll(ctx, page.Contents); err != nil {
			return err
		}
	}
	_, err = c.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &b.Name})
	return err
}

func (b Bucket) removeAll(ctx context.Context, all []types.Object) error {
	if len(all) == 0 {
		return nil
	}
	var keys []types.ObjectIdentifier
	for _, o := range all {
		keys = append(keys, types.ObjectIdentifier{Key: o.Key})
	}
	out, err := b.client().DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.Name, Delete: &types.Delete{Objects: keys, Quiet: aws.Bool(true)}})
	if err != nil {
		return err
	}
	if len(out.Errors) > 0 {
		return fmt.Errorf("%s: %s", aws.ToString(out.Errors[0].Key), aws.ToString(out.Errors[0].Message))
	}
	return nil
}

// findVersity looks where TEST_VERSITYGW says, where `make servers` puts it, and on PATH.
func findVersity() (string, error) {
	if p := os.Getenv("TEST_VERSITYGW"); p != "" {
		_, err := os.Stat(p)
		return p, err
	}
	if root, err := moduleRoot(); err == nil {
		if p := filepath.Join(root, ".cache", "servers", "versitygw"); isFile(p) {
			return p, nil
		}
	}
	p, err := exec.LookPath("versitygw")
	if err != nil {
		return "", errors.New("versitygw is not built")
	}
	return p, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil && !isFile(filepath.Join(dir, "go.mod")) {
		if dir == filepath.Dir(dir) {
			return "", errors.New("there is no go.mod above the working directory")
		}
		dir = filepath.Dir(dir)
	}
	return dir, err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func planVersity(program, dir, addr string, _ bool) (plan, error) {
	data := filepath.Join(dir, "data")
	return plan{
		argv:  append([]string{program}, versityArguments(addr, data)...),
		env:   versityAccount(),
		death: syscall.SIGKILL,
	}, os.Mkdir(data, 0o700)
}

func versityArguments(listen, data string) []string {
	return []string{"--port", listen, "--keep-alive", "--quiet", "posix", data}
}

func versityAccount() []string {
	return []string{"ROOT_ACCESS_KEY=imgd", "ROOT_SECRET_KEY=" + secret()}
}

func boxVersity(bool) box {
	b := box{port: "7070/tcp", argv: versityArguments(":7070", "/tmp"), env: map[string]string{}}
	for _, setting := range versityAccount() {
		name, value, _ := strings.Cut(setting, "=")
		b.env[name] = value
	}
	return b
}
