package ports

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"time"
)

// ErrNotAsked is behind an Unavailable of a decorator that did not ask what it decorates:
// nothing was changed, and nothing is known of how that does.
var ErrNotAsked = errors.New("it was not asked")

// Info is what Create counted on the way.
type Info struct {
	Bytes  int64
	SHA256 string // lower-case hex
}

// Blob is an open stored object. Whoever opened it closes it.
type Blob struct {
	io.ReadSeekCloser
	Bytes    int64
	Modified time.Time
	// File is the descriptor behind the blob, nil where the store has none. It is
	// closed with the blob.
	File *os.File
}

// Entry is a stored object as a list shows it.
type Entry struct {
	Key      string
	Bytes    int64
	Modified time.Time
}

// Blobs stores bytes under keys. Keys are made by us, never by callers: segments
// of [a-z0-9._-] with slashes between, at most 200 bytes; any other is Invalid
// and touches nothing.
type Blobs interface {
	// Create stores all of r under a new key, or is a Conflict when the key
	// exists. Of racing creators one wins. Readers see all of it or nothing, and it
	// survives a power cut once Create has returned, also what a Conflict has found.
	// Nothing stays if r fails or the context ends before r does. After that Create
	// may fail, or its context end, although the object was made: it is not taken
	// back, because whoever met the Conflict may rely on it. An error of r comes back
	// unchanged. A full store is Full.
	Create(ctx context.Context, key, contentType string, r io.Reader) (Info, error)

	// Open returns the bytes under key, or a NotFound.
	Open(ctx context.Context, key string) (*Blob, error)

	// Delete forgets key; a key that ends in a slash forgets everything under it.
	// Deleting what is not there is not an error.
	Delete(ctx context.Context, key string) error

	// List yields every object whose key begins with prefix, in no order. What is
	// created or deleted meanwhile may be missing or not.
	List(ctx context.Context, prefix string) iter.Seq2[Entry, error]
}

// Spool holds bytes that a decoder has to read from a descriptor while they are
// on their way to a store without one.
type Spool interface {
	io.Writer
	// File is the descriptor of all that was written, opened at its start.
	File() (*os.File, error)
	// Close gives its memory or disk space back.
	Close() error
}
