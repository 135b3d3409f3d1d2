// Package disk keeps blobs in a directory of the local file system.
package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
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
type Blobs struct {
	root     *os.Root
	nameless bool // files get their name when they are complete, and have none before
	folders  folders
}

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
	b := &Blobs{root: root}
	b.nameless = b.canNameLater()
	return b, nil
}

// Ping reports whether the directory is there.
func (b *Blobs) Ping(context.Context) error {
	_, err := b.root.Stat(staging)
	return explain(staging, err)
}

// Close gives the directory back. Open blobs stay readable.
func (b *Blobs) Close() error { return b.root.Close() }

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
