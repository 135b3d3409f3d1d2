package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/ports"
)

// draft is an original that is on its way in: stored, but not yet recorded.
type draft struct {
	s      *Service
	id     core.ID
	by     core.Principal
	name   string
	info   ports.Info
	probe  core.Probe
	stored bool // or perhaps
	away   bool // the store, when the bytes were sent
	kept   bool

	fields Fields // that were read, and what they mean
	want   request
}

func (d *draft) key() string { return core.Image{ID: d.id}.OriginalKey() }

// store puts the file's bytes under the draft's key and has them judged. What
// the fields before the file say wrong is said before the bytes are taken.
func (d *draft) store(ctx context.Context, f File, sofar Fields) error {
	if d.stored {
		return core.FileRepeated.Errorf("the form has a second file; send each image in a request of its own")
	}
	if _, err := d.read(ctx, sofar); err != nil {
		return err
	}
	if sofar.Bucket != "" {
		if err := access.Ask(ctx, d.s.Policy, access.OnBucket(d.by, "create", sofar.Bucket)); err != nil {
			return err
		}
	}
	d.name = f.Name
	body := &limited{r: f.Body, left: d.s.MaxBytes, limit: d.s.MaxBytes}
	spool, err := d.spool()
	if err != nil {
		return err
	}
	defer spool.Close() //nolint:errcheck // it is memory, or a file without a name
	d.stored = true
	if d.info, err = d.s.Blobs.Create(ctx, d.key(), "application/octet-stream", io.TeeReader(body, spool)); err != nil {
		d.away = core.KindOf(err) == core.Unavailable
		d.stored = !errors.Is(err, ports.ErrNotAsked)
		return err
	}
	if d.info.Bytes == 0 {
		return core.FileMissing.Errorf("the file is empty; send the image's bytes")
	}
	return d.look(ctx, spool)
}

// read says what the fields mean. It looks at them once, and again if more of them have
// come since.
func (d *draft) read(ctx context.Context, f Fields) (request, error) {
	if d.stored && f == d.fields {
		return d.want, nil
	}
	want, err := d.s.read(ctx, d.by, f)
	d.fields, d.want = f, want
	return want, err
}

// spool is where the bytes wait for the decoder: nowhere, when the store itself
// has a descriptor for it.
func (d *draft) spool() (ports.Spool, error) {
	if d.s.Spool == nil {
		return nowhere{}, nil
	}
	return d.s.Spool()
}

// nowhere is the spool of a store that keeps files.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) File() (*os.File, error)     { return nil, nil }
func (nowhere) Close() error                { return nil }

// look has a decoder judge the file by its header and structure.
func (d *draft) look(ctx context.Context, spool ports.Spool) (err error) {
	f, err := spool.File()
	if err != nil {
		return err
	}
	if f == nil {
		b, err := d.s.Blobs.Open(ctx, d.key())
		if err != nil {
			return err
		}
		defer b.Close() //nolint:errcheck // it was only read
		if f = b.File; f == nil {
			return fmt.Errorf("a store without descriptors needs a spool: %s", d.key())
		}
	}
	d.probe, err = d.s.Render.Probe(ctx, f, d.info.Bytes)
	switch core.SlugOf(err) {
	case core.DecoderCrashed, core.DecoderOverran:
		return core.ImageUndecodable.Errorf("the image cannot be decoded safely; open it in an image editor and save it again").Because(err)
	}
	return err
}

// judge refuses what may not come in although it can be decoded.
func (d *draft) judge(ctx context.Context) error {
	if !d.stored {
		return core.FileMissing.Errorf("the request has no file; send it as the part named file, or as the body")
	}
	bad, err := d.s.Images.Quarantined(ctx, d.info.SHA256)
	if err != nil {
		return err
	}
	if bad {
		return core.ImageQuarantined.Errorf("these bytes crashed the decoder %d times and are not taken again", core.MaxCrashes).With("sha256", d.info.SHA256)
	}
	return nil
}

// discardUnlessKept removes the bytes of a refused upload. Should that fail, the sweep
// of orphans finds them. Where the store was away the caller, who is told to come again,
// does not wait for it once more, but for a moment: only the answer may have been lost.
func (d *draft) discardUnlessKept(ctx context.Context) {
	if !d.stored || d.kept {
		return
	}
	patience := 10 * time.Second
	if d.away {
		patience = 500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_ = d.s.Blobs.Delete(ctx, d.key())
}

// limited ends with UploadTooLarge when more than limit bytes come.
type limited struct {
	r           io.Reader
	left, limit int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.limit <= 0 {
		return l.r.Read(p)
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, core.UploadTooLarge.Errorf("the image has more than %d bytes; send a smaller one", l.limit).With("limit", l.limit)
	}
	return n, err
}
