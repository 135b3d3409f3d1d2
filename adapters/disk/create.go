package disk

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"

	"imgd/ports"
)

// Create stages the bytes, syncs them and links them under their key: linking
// fails when the key exists, which makes one of racing creators win.
func (b *Blobs) Create(ctx context.Context, key, _ string, r io.Reader) (ports.Info, error) {
	if err := check(key, false); err != nil {
		return ports.Info{}, err
	}
	buffer := buffers.Get().(*[]byte) //nolint:forcetypeassert // nothing else is put there
	defer buffers.Put(buffer)
	sum := sha256.New()
	n, err := b.write(key, io.TeeReader(reading{ctx, r}, sum), *buffer)
	if err != nil {
		return ports.Info{}, explain(key, err)
	}
	return ports.Info{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// write makes a new file of r.
func (b *Blobs) write(key string, r io.Reader, buffer []byte) (n int64, err error) {
	f, err := b.stage()
	if err != nil {
		return 0, err
	}
	defer func() {
		if left := b.unstage(f); err == nil {
			err = left
		}
	}()
	if n, err = io.CopyBuffer(struct{ io.Writer }{f}, full{r}, buffer); err != nil {
		return n, err
	}
	if err := f.Sync(); err != nil {
		return n, err
	}
	return n, b.place(f, key)
}

// place gives staged bytes their key. A folder that Delete removed between the
// two steps is made again.
func (b *Blobs) place(f staged, key string) error {
	for range 3 {
		err := b.enter(f, key)
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the folder of %s keeps vanishing: %w", key, fs.ErrNotExist)
}

// enter puts a file into the folder of its key, and syncs the entry: also one that
// another creator made a moment ago, since whoever hears of it may rely on it.
func (b *Blobs) enter(f staged, key string) error {
	folder, err := b.folder(path.Dir(key))
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // what was written through it is synced
	named := b.name(f, folder, key)
	if named != nil && !errors.Is(named, fs.ErrExist) {
		return named
	}
	if err := folder.Sync(); err != nil {
		return err
	}
	return named
}

// buffers are what blobs are copied through.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 128<<10)) }}

// full fills what it is given, so that a file is written in large pieces however small
// those are that come.
type full struct{ r io.Reader }

func (f full) Read(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = f.r.Read(p[n:])
		n += m
	}
	return n, err
}

// reading is a reader that ends with its context.
type reading struct {
	ctx context.Context //nolint:containedctx // it lives as long as one copy
	r   io.Reader
}

func (r reading) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.r.Read(p)
}
