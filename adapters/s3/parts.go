package s3

import (
	"bytes"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"imgd/core"
)

// parts sends a stream whose first two parts are in buf. Whatever goes wrong, the
// store is told to forget what it got.
func (u upload) parts(ctx context.Context, in *intake, buf []byte) (err error) {
	begun := &s3.CreateMultipartUploadInput{
		Bucket: &u.b.bucket, Key: u.b.name(u.key), ContentType: &u.contentType, Metadata: map[string]string{mark: u.id},
	}
	if u.b.endpoint == "" {
		begun.ChecksumAlgorithm = types.ChecksumAlgorithmCrc32
	}
	// The answer is waited for even if the context ends: without it nobody could
	// abort what has begun.
	made, err := u.b.client.CreateMultipartUpload(context.WithoutCancel(ctx), begun)
	if err != nil {
		return u.b.explain(ctx, u.key, err)
	}
	m := multipart{upload: u, uploadID: made.UploadId}
	defer func() {
		if err != nil {
			m.abort(ctx)
		}
	}()
	if err := m.sendAll(ctx, in, buf[:partBytes], buf[partBytes:]); err != nil {
		return err
	}
	return m.complete(ctx, in.n)
}

// multipart is an upload whose parts the store keeps until they are put together.
type multipart struct {
	upload
	uploadID *string
	sent     []types.CompletedPart
}

// sendAll sends two full parts and all that follows: one is sent while the next
// is read.
func (m *multipart) sendAll(ctx context.Context, in *intake, part, next []byte) error {
	if err := m.send(ctx, part); err != nil {
		return m.b.explain(ctx, m.key, err)
	}
	part, next = next, part
	for len(part) > 0 {
		n, err := m.sendWhileReading(ctx, in, part, next[:partBytes])
		if err != nil {
			return err
		}
		part, next = next[:n], part[:partBytes]
	}
	return nil
}

// sendWhileReading sends a part and fills the next. The first error of the two
// ends the other.
func (m *multipart) sendWhileReading(ctx context.Context, in *intake, part, next []byte) (n int, err error) {
	both, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	sent := make(chan error, 1)
	go func() {
		err := m.b.explain(ctx, m.key, m.send(both, part))
		if err != nil {
			stop(err)
		}
		sent <- err
	}()
	n = in.fill(both, next)
	if broken := in.broken(); broken != nil {
		stop(broken)
		<-sent //nolint:errcheck // the stream broke first
		return 0, broken
	}
	return n, <-sent
}

func (m *multipart) send(ctx context.Context, part []byte) error {
	number := aws.Int32(int32(len(m.sent)) + 1)
	if *number > mostParts {
		return core.TooLarge.Errorf("the store keeps no object of more than %d bytes", int64(mostParts)*partBytes)
	}
	out, err := m.b.client.UploadPart(ctx, &s3.UploadPartInput{
		Bucket: &m.b.bucket, Key: m.b.name(m.key), UploadId: m.uploadID, PartNumber: number,
		Body: bytes.NewReader(part), ContentLength: aws.Int64(int64(len(part))),
	})
	if err != nil {
		return err
	}
	m.sent = append(m.sent, types.CompletedPart{ETag: out.ETag, PartNumber: number, ChecksumCRC32: out.ChecksumCRC32})
	return nil
}

// complete makes the object, on condition that the key is new and that the parts
// have as many bytes as were read.
func (m *multipart) complete(ctx context.Context, bytes int64) error {
	if err := m.lookFirst(ctx); err != nil {
		return err
	}
	longer, cancel := outlive(ctx)
	defer cancel()
	_, err := m.b.client.CompleteMultipartUpload(longer, &s3.CompleteMultipartUploadInput{
		Bucket: &m.b.bucket, Key: m.b.name(m.key), UploadId: m.uploadID, IfNoneMatch: aws.String("*"), MpuObjectSize: &bytes,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: m.sent},
	}, func(o *s3.Options) { o.HTTPClient = m.b.patient })
	return m.settle(ctx, err)
}

// lookFirst finds an object under the key: stores other than AWS may know the
// condition for whole objects only.
func (m *multipart) lookFirst(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if m.b.endpoint == "" {
		return nil
	}
	_, err := m.b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &m.b.bucket, Key: m.b.name(m.key)})
	if err == nil {
		return core.Conflict.Errorf("something is stored under %s already", m.key)
	}
	if err := m.b.explain(ctx, m.key, err); core.KindOf(err) != core.NotFound {
		return err
	}
	return nil
}

// abort has the store forget the parts. If it cannot be told, CleanStaging finds
// them.
func (m *multipart) abort(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleaning)
	defer cancel()
	_ = m.b.forget(ctx, *m.b.name(m.key), m.uploadID)
}

// forget aborts an upload by its name in the bucket.
func (b *Blobs) forget(ctx context.Context, name string, id *string) error {
	_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: &name, UploadId: id})
	if code, _ := answer(err); code == "NoSuchUpload" {
		return nil
	}
	return b.explain(ctx, name, err)
}
