package s3

import (
	"context"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
)

// CleanStaging aborts what processes that died had begun to send before the given
// time. Younger uploads may still be growing.
func (b *Blobs) CleanStaging(ctx context.Context, before time.Time) (removed int, err error) {
	for m, err := range b.unfinished(ctx, before) {
		if err != nil {
			return removed, err
		}
		if err := b.forget(ctx, *m.Key, m.UploadId); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, nil
}

// Unfinished counts the uploads that were begun before the given time and never
// put together.
func (b *Blobs) Unfinished(ctx context.Context, before time.Time) (n int, err error) {
	for _, err := range b.unfinished(ctx, before) {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// unfinished yields uploads of ours that were begun before the given time.
func (b *Blobs) unfinished(ctx context.Context, before time.Time) iter.Seq2[types.MultipartUpload, error] {
	return func(yield func(types.MultipartUpload, error) bool) {
		pages := s3.NewListMultipartUploadsPaginator(b.client, &s3.ListMultipartUploadsInput{Bucket: &b.bucket, Prefix: &b.prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(types.MultipartUpload{}, b.explain(ctx, b.prefix, err))
				return
			}
			for _, m := range page.Uploads {
				if b.isKey(aws.ToString(m.Key)) && m.Initiated != nil && m.Initiated.Before(before) && !yield(m, nil) {
					return
				}
			}
		}
	}
}
