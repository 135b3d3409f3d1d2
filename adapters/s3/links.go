package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/core"
	"imgd/ports"
)

// longest is the longest life the protocol gives a link.
const longest = 7 * 24 * time.Hour

// Link signs a GET of key and sends nothing. With credentials that expire, the
// link does not outlive them.
func (b *Blobs) Link(ctx context.Context, key string, as ports.Presentation, ttl time.Duration) (string, error) {
	if err := check(key); err != nil {
		return "", err
	}
	if ttl < time.Second || ttl > longest {
		return "", core.Invalid.Errorf("a link lives between a second and seven days, not %s", ttl)
	}
	signed, err := b.presign.PresignGetObject(ctx, &s3.GetObjectInput{
		Bucket: &b.bucket, Key: b.name(key),
		ResponseContentType: filled(as.ContentType), ResponseContentDisposition: filled(as.Disposition), ResponseCacheControl: filled(as.CacheControl),
	}, s3.WithPresignExpires(ttl))
	if err != nil {
		return "", b.explain(ctx, key, err)
	}
	return signed.URL, nil
}

func filled(s string) *string {
	if s == "" {
		return nil
	}
	return aws.String(s)
}
