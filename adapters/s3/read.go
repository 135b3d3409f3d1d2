package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/core"
	"imgd/ports"
)

// near is how much is rather read and thrown away than asked for anew.
const near = 64 << 10

// Open asks for the bytes under key. They come with the answer; a Seek that leads
// elsewhere costs another request. The context is that of all reads.
func (b *Blobs) Open(ctx context.Context, key string) (*ports.Blob, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: b.name(key)})
	if err != nil {
		return nil, b.explain(ctx, key, err)
	}
	if out.ContentLength == nil {
		_ = out.Body.Close() // nothing of it was read
		return nil, fmt.Errorf("the store does not say how long %s is", key)
	}
	o := &object{ctx: ctx, b: b, key: key, etag: aws.ToString(out.ETag), size: *out.ContentLength, body: out.Body, tornAt: -1}
	return &ports.Blob{ReadSeekCloser: o, Bytes: o.size, Modified: core.Round(aws.ToTime(out.LastModified))}, nil
}

// object reads what is stored under a key, of which it has at most one answer
// open.
type object struct {
	ctx    context.Context //nolint:containedctx // it lives as long as the blob is open
	b      *Blobs
	key    string
	etag   string
	size   int64
	at     int64 // where the next Read begins
	body   io.ReadCloser
	bodyAt int64 // where body stands
	tornAt int64 // where it last broke off
}

// Read reads on from where it is. An answer that breaks off is asked for again
// from there, once for each place.
func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.size && (o.body == nil || o.bodyAt != o.at) { // at its end a body says whether its checksum is right
		return 0, io.EOF
	}
	if err := o.reach(); err != nil {
		return 0, err
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	o.bodyAt += int64(n)
	switch {
	case err == nil, errors.Is(err, io.EOF) && o.at == o.size:
		return n, err
	case o.ctx.Err() != nil:
		return n, context.Cause(o.ctx)
	case o.at >= o.size, o.tornAt == o.at, isTimeout(err):
		return n, core.Unavailable.Errorf("the store broke off in the middle; try again in a moment").After(soon).Because(err)
	}
	_ = o.drop() // it has told its error already
	o.tornAt = o.at
	if n > 0 {
		return n, nil
	}
	return o.Read(p)
}

// reach brings the body to where the next Read begins.
func (o *object) reach() error {
	if gap := o.at - o.bodyAt; o.body != nil && gap > 0 && gap <= near {
		n, _ := io.CopyN(io.Discard, o.body, gap)
		o.bodyAt += n
	}
	if o.body != nil && o.bodyAt == o.at {
		return nil
	}
	if err := o.drop(); err != nil {
		return err
	}
	// If-Match: parts of two objects are never mixed.
	out, err := o.b.client.GetObject(o.ctx, &s3.GetObjectInput{
		Bucket: &o.b.bucket, Key: o.b.name(o.key), IfMatch: &o.etag, Range: aws.String(fmt.Sprintf("bytes=%d-", o.at)),
	})
	if err != nil {
		return o.b.explain(o.ctx, o.key, err)
	}
	o.body, o.bodyAt = out.Body, o.at
	if got := aws.ToString(out.ContentRange); !strings.HasPrefix(got, fmt.Sprintf("bytes %d-", o.at)) || aws.ToString(out.ETag) != o.etag {
		return errors.Join(fmt.Errorf("the store answers with other bytes of %s (%q of %s) than those from %d of %s", o.key, got, aws.ToString(out.ETag), o.at, o.etag), o.drop())
	}
	return nil
}

// drop closes the body. A connection is only used again when its answer was read
// to the end.
func (o *object) drop() error {
	if o.body == nil {
		return nil
	}
	body := o.body
	o.body = nil
	if left := o.size - o.bodyAt; left <= near && o.ctx.Err() == nil {
		_, _ = io.CopyN(io.Discard, body, left)
	}
	_ = body.Close() // what was not read is not missed
	return nil
}

// Seek sets where the next Read begins, and costs nothing.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 || whence < io.SeekStart || whence > io.SeekEnd {
		return o.at, errors.New("a seek to before the beginning")
	}
	o.at = offset
	return o.at, nil
}

// Close gives the connection back.
func (o *object) Close() error { return o.drop() }
