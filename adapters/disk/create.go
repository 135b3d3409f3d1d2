package disk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
	head, rest := (*buffer)[:twinBytes], (*buffer)[twinBytes:]
	sum := sha256.New()
	in := io.TeeReader(reading{ctx, r}, sum)
	small, all, err := readSmall(in, head)
	if err != nil {
		return ports.Info{}, explain(key, err)
	}
	n := int64(small)
	if all {
		err = b.createSmall(key, head[:small], [sha256.Size]byte(sum.Sum(nil)), rest)
	} else {
		n, err = b.write(key, io.MultiReader(bytes.NewReader(head), in), rest)
	}
	if err != nil {
		return ports.Info{}, explain(key, err)
	}
	return ports.Info{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

func (b *Blobs) createSmall(key string, data []byte, sum [sha256.Size]byte, buffer []byte) error {
	if done, err := b.again(key, sum); done {
		return err
	}
	if _, err := b.write(key, bytes.NewReader(data), buffer); err != nil {
		return err
	}
	b.twins.remember(key, sum)
	return nil
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
	if n, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{r}, buffer); err != nil {
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
		err := b.enter(key, func(folder *os.File) error { return b.name(f, folder, key) })
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return fmt.Errorf("the folder of %s keeps vanishing: %w", key, fs.ErrNotExist)
}

// enter lets link put a file into the folder of its key, and syncs every folder
// that has a new entry by it.
func (b *Blobs) enter(key string, link func(folder *os.File) error) error {
	folder, changed, err := b.folder(path.Dir(key))
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // what was written through it is synced
	if err := link(folder); err != nil {
		return err
	}
	if err := errors.Join(b.syncAll(changed), folder.Sync()); err != nil {
		return errors.Join(err, b.root.Remove(key))
	}
	return nil
}

// folder opens a folder, and makes what is missing of it.
func (b *Blobs) folder(name string) (f *os.File, changed []string, err error) {
	f, err = b.root.Open(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return f, nil, err
	}
	if changed, err = b.makeFolders(name); err != nil {
		return nil, nil, err
	}
	f, err = b.root.Open(name)
	return f, changed, err
}

// makeFolders makes what is missing of folder, and returns the parents whose
// entries have changed: they have to be synced for a power cut to leave them.
func (b *Blobs) makeFolders(folder string) (changed []string, err error) {
	if _, err := b.root.Stat(folder); err == nil || folder == "." {
		return nil, nil
	}
	parent := path.Dir(folder)
	if changed, err = b.makeFolders(parent); err != nil {
		return nil, err
	}
	if err := b.root.Mkdir(folder, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return append(changed, parent), nil
}

func (b *Blobs) syncAll(folders []string) error {
	for _, folder := range folders {
		d, err := b.root.Open(folder)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// buffers are for what is read first of a blob, and for what is copied after it.
var buffers = sync.Pool{New: func() any { return new(make([]byte, twinBytes+128<<10)) }}

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
