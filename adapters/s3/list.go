package s3

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"imgd/core"
	"imgd/ports"
)

// List asks for a page of a thousand at a time. What is no key of ours, such as
// the folders a console makes, is not shown.
func (b *Blobs) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	return func(yield func(ports.Entry, error) bool) {
		if !beginnings.MatchString(prefix) {
			return // no key begins so
		}
		for page, err := range b.pages(ctx, prefix) {
			if err != nil {
				yield(ports.Entry{}, err)
				return
			}
			for _, o := range page {
				if !b.isKey(*o.Key) {
					continue
				}
				e := ports.Entry{Key: strings.TrimPrefix(*o.Key, b.prefix), Bytes: aws.ToInt64(o.Size), Modified: core.Round(aws.ToTime(o.LastModified))}
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

var beginnings = regexp.MustCompile(`^([a-z0-9][a-z0-9._-]*/)*([a-z0-9][a-z0-9._-]*)?$`)

// isKey reports whether a name in the bucket is one that Create can have made.
func (b *Blobs) isKey(name string) bool {
	key, ok := strings.CutPrefix(name, b.prefix)
	return ok && check(key) == nil
}

// pages yields what is under a prefix as the store lists it.
func (b *Blobs) pages(ctx context.Context, prefix string) iter.Seq2[[]types.Object, error] {
	return func(yield func([]types.Object, error) bool) {
		pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: b.name(prefix)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(nil, b.explain(ctx, prefix, err))
				return
			}
			if len(page.Contents) > 0 && !yield(page.Contents, nil) {
				return
			}
		}
	}
}

// atOnce is how many objects one request deletes. It may be a thousand, which takes
// some stores longer than a request may wait for its answer.
const atOnce = 250

// Delete forgets key, or everything under it when it ends in a slash.
func (b *Blobs) Delete(ctx context.Context, key string) error {
	folder := strings.HasSuffix(key, "/")
	if err := check(strings.TrimSuffix(key, "/")); err != nil {
		return err
	}
	if !folder {
		return b.deleteOne(ctx, *b.name(key))
	}
	for page, err := range b.pages(ctx, key) {
		if err != nil {
			return err
		}
		for some := range slices.Chunk(page, atOnce) {
			if err := b.deleteAll(ctx, some); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *Blobs) deleteOne(ctx context.Context, name string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: &name})
	if err = b.explain(ctx, name, err); core.KindOf(err) == core.NotFound {
		return nil
	}
	return err
}

// deleteAll deletes objects in one request, or one by one where the store does not
// know how.
func (b *Blobs) deleteAll(ctx context.Context, some []types.Object) error {
	batch := &types.Delete{Quiet: aws.Bool(true)}
	for _, o := range some {
		batch.Objects = append(batch.Objects, types.ObjectIdentifier{Key: o.Key})
	}
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &b.bucket, Delete: batch})
	if isUnknown(err) {
		return b.deleteEach(ctx, some)
	}
	if err != nil {
		return b.explain(ctx, b.prefix, err)
	}
	for _, e := range out.Errors {
		failed := &smithy.GenericAPIError{Code: aws.ToString(e.Code), Message: aws.ToString(e.Key) + ": " + aws.ToString(e.Message)}
		if err := b.explain(ctx, aws.ToString(e.Key), failed); core.KindOf(err) != core.NotFound {
			return err
		}
	}
	return nil
}

func (b *Blobs) deleteEach(ctx context.Context, some []types.Object) error {
	for _, o := range some {
		if err := b.deleteOne(ctx, *o.Key); err != nil {
			return err
		}
	}
	return nil
}

// isUnknown reports whether the store does not understand a request rather than
// refuse it.
func isUnknown(err error) bool {
	switch _, status := answer(err); status {
	case 400, 404, 405, 411, 501:
		return true
	}
	return false
}
