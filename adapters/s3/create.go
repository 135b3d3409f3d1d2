package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"imgd/core"
	"imgd/ports"
)

const (
	partBytes   = 8 << 20
	singleBytes = 2 * partBytes // below it an object goes in one request
	mostParts   = 10_000        // of one object, says the protocol

	// cleaning is how long an upload that has failed or was given up may still take.
	// What it leaves then is swept by CleanStaging, or as an orphan.
	cleaning = 3 * time.Second
)

// mark is the metadata by which an upload knows its own object again.
const mark = "imgd-upload"

// Create sends the bytes on condition that the key is new, which makes one of
// racing creators win. A stream has to be held to be sent again: small objects
// are held whole, and of larger ones two parts.
func (b *Blobs) Create(ctx context.Context, key, contentType string, r io.Reader) (ports.Info, error) {
	if err := check(key); err != nil {
		return ports.Info{}, err
	}
	in := &intake{r: r, sum: sha256.New()}
	buf := in.begin(ctx)
	up := upload{b, key, contentType, rand.Text()}
	if err := up.send(ctx, in, buf); err != nil {
		return ports.Info{}, err // the buffer may still be read by a request that was given up
	}
	buf.giveBack()
	return ports.Info{Bytes: in.n, SHA256: hex.EncodeToString(in.sum.Sum(nil))}, nil
}

// upload is one object on its way.
type upload struct {
	b                *Blobs
	key, contentType string
	id               string // what its mark says
}

// send sends what is in buf, and what is left of the stream.
func (u upload) send(ctx context.Context, in *intake, buf *buffer) error {
	switch {
	case in.broken() != nil:
		return in.broken()
	case in.err == nil:
		return u.parts(ctx, in, buf.b)
	}
	return u.whole(ctx, buf.filled())
}

func (u upload) whole(ctx context.Context, body []byte) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	longer, cancel := outlive(ctx)
	defer cancel()
	_, err := u.b.client.PutObject(longer, &s3.PutObjectInput{
		Bucket: &u.b.bucket, Key: u.b.name(u.key), ContentType: &u.contentType, Metadata: map[string]string{mark: u.id},
		Body: bytes.NewReader(body), ContentLength: aws.Int64(int64(len(body))), IfNoneMatch: aws.String("*"),
	})
	return u.settle(ctx, err)
}

// outlive is a context that ends a little after ctx: a request that makes an
// object is worth waiting for, since giving it up leaves unknown what it did.
func outlive(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(cleaning, cancel) })
	return longer, func() { stop(); cancel() }
}

// settle decides what the answer to the request that makes the object means.
// When an answer is lost and the request sent again, our own object is in its
// way; a line that broke may have broken because the key exists. A request that was
// given up may have made the object all the same, and it stays: another creator may
// have found it, and rely on it.
func (u upload) settle(ctx context.Context, err error) error {
	code, status := answer(err)
	switch {
	case err == nil:
		return nil
	case status == http.StatusPreconditionFailed, status == http.StatusConflict, code == "NoSuchUpload":
		if _, ours := u.look(ctx); ours {
			return nil
		}
	case status == 0 && !isTimeout(err):
		found, ours := u.look(ctx)
		if ours {
			return nil
		}
		if found {
			return core.Conflict.Errorf("something is stored under %s already", u.key).Because(err)
		}
	}
	return u.b.explain(ctx, u.key, err)
}

// look reports whether an object is under the key, and whether this upload made
// it.
func (u upload) look(ctx context.Context) (found, ours bool) {
	head, err := u.b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &u.b.bucket, Key: u.b.name(u.key)})
	return err == nil, err == nil && head.Metadata[mark] == u.id
}

// intake reads a stream into buffers, and counts and hashes what passes.
type intake struct {
	r   io.Reader
	sum hash.Hash
	n   int64
	err error // that ended it: io.EOF at its end, its own, or the context's
}

// fill reads until p is full or the stream ends.
func (in *intake) fill(ctx context.Context, p []byte) (n int) {
	for n < len(p) && in.err == nil {
		if ctx.Err() != nil {
			in.err = context.Cause(ctx)
			break
		}
		var m int
		m, in.err = in.r.Read(p[n:])
		n += m
	}
	in.sum.Write(p[:n])
	in.n += int64(n)
	return n
}

// broken is the error that ended the stream before its end.
func (in *intake) broken() error {
	if in.err == io.EOF { //nolint:errorlint // a reader's end is this very value
		return nil
	}
	return in.err
}

// begin reads until the stream ends or the largest buffer is full.
func (in *intake) begin(ctx context.Context) *buffer {
	buf := &buffer{}
	for size := range sizes {
		buf.grow(size)
		buf.n += in.fill(ctx, buf.b[buf.n:])
		if in.err != nil {
			break
		}
	}
	return buf
}

// sizes of buffers: most objects are small, and many are on their way at once.
var (
	sizes = [...]int{256 << 10, 4 << 20, singleBytes}
	pools [len(sizes)]sync.Pool
)

// buffer is memory on loan from the pools.
type buffer struct {
	b    []byte
	n    int // how much of it is filled
	size int // which of sizes it has
}

// grow moves what is there to a buffer of another size.
func (b *buffer) grow(size int) {
	old := *b
	if p, ok := pools[size].Get().(*[]byte); ok {
		b.b = *p
	} else {
		b.b = make([]byte, sizes[size])
	}
	b.size = size
	copy(b.b, old.filled())
	if old.b != nil {
		old.giveBack()
	}
}

func (b *buffer) filled() []byte { return b.b[:b.n] }

func (b *buffer) giveBack() { pools[b.size].Put(&b.b) }
