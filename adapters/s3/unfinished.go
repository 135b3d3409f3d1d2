package s3

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Unfinished counts the uploads that were begun before the given time and never
// put together.
func (b *Blobs) Unfinished(ctx context.Context, before time.Time) (n int, err error) {
	pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{Bucket: &b.bucket, Prefix: &b.prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return n, b.explain(ctx, b.prefix, err)
		}
		for _, m := range page.Uploads {
			if b.isKey(aws.ToString(m.Key)) && m.Initiated != nil && m.Initiated.Before(before) {
				n++
			}
		}
	}
	return n, nil
}
