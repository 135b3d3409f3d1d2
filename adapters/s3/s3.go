// Package s3 keeps blobs in a bucket of AWS S3 or of a store that speaks its
// protocol.
package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"

	"imgd/core"
)

// Blobs keeps blobs in one bucket, under one prefix. Its methods may be called
// from many goroutines.
type Blobs struct {
	client   *s3.Client
	presign  *s3.PresignClient
	quick    *http.Client // for all requests but one
	patient  *http.Client // for the one that puts parts together
	keys     aws.CredentialsProvider
	bucket   string
	prefix   string // with its slash
	endpoint string // empty: AWS
	region   string
}

// Open prepares to use a bucket and sends nothing; Ping tells whether it is there.
func Open(ctx context.Context, c Config) (*Blobs, error) {
	cfg, err := config.LoadDefaultConfig(ctx, c.chain()...)
	if err != nil {
		return nil, fmt.Errorf("the AWS settings cannot be read: %w", err)
	}
	if cfg.Region == "" {
		return nil, errors.New("the region of the bucket is not known: add region=.. to the storage URL, or set AWS_REGION")
	}
	b := &Blobs{
		quick: newHTTPClient(cfg, cmp.Or(c.Keep, 64), answering), patient: newHTTPClient(cfg, cmp.Or(c.Keep, 64), completing),
		keys: cfg.Credentials, bucket: c.Bucket, endpoint: c.Endpoint, region: cfg.Region,
	}
	if c.Prefix != "" {
		b.prefix = c.Prefix + "/"
	}
	b.client = s3.NewFromConfig(cfg, b.reach(c), protect(c))
	b.presign = s3.NewPresignClient(s3.NewFromConfig(cfg, b.reach(c)))
	return b, nil
}

// chain is what the storage URL puts before the AWS settings.
func (c Config) chain() (options []func(*config.LoadOptions) error) {
	region := c.Region
	if c.Endpoint != "" {
		region = cmp.Or(region, "us-east-1")
	}
	if region != "" {
		options = append(options, config.WithRegion(region))
	}
	if c.AccessKey != "" && c.SecretKey != "" {
		options = append(options, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, "")))
	}
	return options
}

// reach says where requests go and how long they are tried. Checksum headers are
// left to what needs them.
func (b *Blobs) reach(c Config) func(*s3.Options) {
	return func(o *s3.Options) {
		if c.Endpoint != "" {
			o.BaseEndpoint = aws.String(c.Endpoint)
		}
		o.UsePathStyle = c.PathStyle
		o.HTTPClient = b.quick
		o.Retryer = newRetryer()
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		o.DisableLogOutputChecksumValidationSkipped = true
	}
}

// protect has every body checked by whoever receives it: on AWS with checksums;
// elsewhere, because older stores refuse those, with a hash that is part of the
// signature and that they all know.
func protect(c Config) func(*s3.Options) {
	return func(o *s3.Options) {
		if c.Endpoint == "" {
			o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenSupported
			o.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenSupported
		} else {
			o.APIOptions = append(o.APIOptions, signBody)
		}
		if c.Observe != nil {
			o.APIOptions = append(o.APIOptions, observing(c.Observe))
		}
	}
}

// signBody signs the hash of the body also where TLS would make the SDK leave it
// out.
func signBody(s *middleware.Stack) error {
	hash := &v4.ComputePayloadSHA256{}
	_, err := s.Finalize.Swap(hash.ID(), hash)
	return err
}

// Close gives the connections back. Open blobs stay readable.
func (b *Blobs) Close() error {
	b.quick.CloseIdleConnections()
	b.patient.CloseIdleConnections()
	return nil
}

// Ping asks whether the bucket can be used; its error tells an operator what to
// do.
func (b *Blobs) Ping(ctx context.Context) error {
	if _, err := b.keys.Retrieve(ctx); err != nil && ctx.Err() == nil {
		return fmt.Errorf("there are no credentials for the bucket %s: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a profile or a role: %w", b.bucket, err)
	}
	// A list of nothing rather than a HeadBucket: its answer has room to say what is
	// wrong, and it needs the same right as List.
	_, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: &b.prefix, MaxKeys: aws.Int32(1)})
	switch code, status := answer(err); {
	case err == nil:
		return nil
	case code == "NoSuchBucket":
		return fmt.Errorf("there is no bucket %s at %s: create it, or name another in the storage URL: %w", b.bucket, cmp.Or(b.endpoint, "AWS in "+b.region), err)
	case status == http.StatusMovedPermanently, code == "AuthorizationHeaderMalformed":
		return fmt.Errorf("the bucket %s is not in the region %s: correct region=.. in the storage URL: %w", b.bucket, b.region, err)
	}
	return b.explain(ctx, "", err)
}

// name is the key in the bucket.
func (b *Blobs) name(key string) *string { return aws.String(b.prefix + key) }

var keys = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)

func check(key string) error {
	if len(key) > 200 || !keys.MatchString(key) {
		return core.Invalid.Errorf("%q is not a key that this store makes", key)
	}
	return nil
}
