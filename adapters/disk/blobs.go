// Package disk keeps blobs in a directory of the local file system.
package disk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"regexp"
	"strings"
	"syscall"

	"imgd/core"
	"imgd/ports"
)

// staging is where bytes are until all of them are there. It lies in the root,
// so that moving them into place is a rename, and no key can name it.
const staging = ".staging"

// Blobs keeps blobs beneath one root and cannot be talked out of it.
type Blobs struct{ root *os.Root }

// Open uses the directory at name and makes it when it is not there. What an
// earlier process left half-written is removed by CleanStaging.
func Open(name string) (*Blobs, error) {
	if err := os.MkdirAll(name, 0o750); err != nil {
		return nil, fmt.Errorf("the blob folder cannot be made: %w", err)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, fmt.Errorf("the blob folder cannot be opened: %w", err)
	}
	if err := root.MkdirAll(staging, 0o750); err != nil {
		return nil, errors.Join(fmt.Errorf("the blob folder cannot be written: %w", err), root.Close())
	}
	return &Blobs{root}, nil
}

// Close gives the directory back. Open blobs stay readable.
func (b *Blobs) Close() error { return b.root.Close() }

// Create stages the bytes, syncs them and links them under their key: linking
// fails when the key exists, which makes one of racing creators win.
func (b *Blobs) Create(ctx context.Context, key, _ string, r io.Reader) (info ports.Info, err error) {
	if err := check(key, false); err != nil {
		return ports.Info{}, err
	}
	staged := path.Join(staging, rand.Text())
	f, err := b.root.OpenFile(staged, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	if err != nil {
		return ports.Info{}, explain(key, err)
	}
	defer func() {
		if left := b.root.Remove(staged); err == nil {
			err = explain(staged, left)
		}
	}()
	sum := sha256.New()
	n, err := copyAll(ctx, f, io.TeeReader(r, sum))
	if err != nil {
		_ = f.Close() // the file is thrown away
		return ports.Info{}, explain(key, err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return ports.Info{}, explain(key, err)
	}
	if err := b.place(staged, key); err != nil {
		return ports.Info{}, explain(key, err)
	}
	return ports.Info{Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil))}, nil
}

// place gives staged bytes their key. A folder that Delete removed between the
// two steps is made again.
func (b *Blobs) place(staged, key string) error {
	folder := path.Dir(key)
	for range 3 {
		made, err := b.makeFolders(folder)
		if err != nil {
			return err
		}
		err = b.root.Link(staged, key)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := b.syncAll(append(made, folder)); err != nil {
			return errors.Join(err, b.root.Remove(key))
		}
		return nil
	}
	return fmt.Errorf("the folder of %s keeps vanishing: %w", key, fs.ErrNotExist)
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

// Open returns the bytes under key; its File is the descriptor itself.
func (b *Blobs) Open(_ context.Context, key string) (*ports.Blob, error) {
	if err := check(key, false); err != nil {
		return nil, err
	}
	f, err := b.root.Open(key)
	if err != nil {
		return nil, explain(key, err)
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(explain(key, err), f.Close())
	}
	if !st.Mode().IsRegular() {
		return nil, errors.Join(core.NotFound.Errorf("nothing is stored under %s", key), f.Close())
	}
	return &ports.Blob{ReadSeekCloser: f, Bytes: st.Size(), Modified: core.Round(st.ModTime()), File: f}, nil
}

// Delete forgets key, or everything under it when it ends in a slash.
func (b *Blobs) Delete(_ context.Context, key string) error {
	if err := check(key, true); err != nil {
		return err
	}
	if folder, ok := strings.CutSuffix(key, "/"); ok {
		return explain(key, b.root.RemoveAll(folder))
	}
	if err := b.root.Remove(key); !errors.Is(err, fs.ErrNotExist) {
		return explain(key, err)
	}
	return nil
}

// List walks the folders of the prefix.
func (b *Blobs) List(ctx context.Context, prefix string) iter.Seq2[ports.Entry, error] {
	return func(yield func(ports.Entry, error) bool) {
		err := fs.WalkDir(b.root.FS(), startOf(prefix), func(name string, d fs.DirEntry, err error) error {
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return explain(name, err)
			case d.IsDir() && name == staging:
				return fs.SkipDir
			case d.IsDir() || !strings.HasPrefix(name, prefix):
				return nil
			}
			st, err := d.Info()
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil {
				return explain(name, err)
			}
			if !yield(ports.Entry{Key: name, Bytes: st.Size(), Modified: core.Round(st.ModTime())}, nil) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(ports.Entry{}, err)
		}
	}
}

// startOf is the deepest folder that holds everything a prefix can name.
func startOf(prefix string) string {
	if i := strings.LastIndexByte(prefix, '/'); i > 0 {
		return prefix[:i]
	}
	return "."
}

var keys = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$`)

func check(key string, prefix bool) error {
	if prefix {
		key = strings.TrimSuffix(key, "/")
	}
	if len(key) > 200 || !keys.MatchString(key) {
		return core.Invalid.Errorf("%q is not a key that this store makes", key)
	}
	return nil
}

// copyAll copies until r ends or the context does.
func copyAll(ctx context.Context, w io.Writer, r io.Reader) (int64, error) {
	return io.CopyBuffer(struct{ io.Writer }{w}, reading{ctx, r}, make([]byte, 128<<10))
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

// explain gives errors of the file system the kind the core understands; those
// of a caller's reader pass unchanged.
func explain(key string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return core.NotFound.Errorf("nothing is stored under %s", key).Because(err)
	case errors.Is(err, fs.ErrExist):
		return core.Conflict.Errorf("something is stored under %s already", key).Because(err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return core.InsufficientStorage.Errorf("the store has no room left").Because(err)
	}
	return err
}
