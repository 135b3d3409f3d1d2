package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// staged is a file that is not in the store yet.
type staged struct {
	*os.File
	name string // in the staging folder; none where the file system can do without
}

// stage begins a file. One without a name costs the file system a fraction of one
// that has to be entered somewhere and taken out again, and is gone when its
// process is.
func (b *Blobs) stage() (staged, error) {
	if b.nameless {
		f, err := b.root.OpenFile(staging, unix.O_TMPFILE|os.O_WRONLY, 0o640)
		return staged{File: f}, err
	}
	name := path.Join(staging, rand.Text())
	f, err := b.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o640)
	return staged{f, name}, err
}

// name enters the file in a folder of the store under its key, which must be free.
func (b *Blobs) name(f staged, folder *os.File, key string) error {
	if f.name != "" {
		return b.root.Link(f.name, key)
	}
	file := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
	for {
		err := unix.Linkat(unix.AT_FDCWD, file, int(folder.Fd()), path.Base(key), unix.AT_SYMLINK_FOLLOW)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EINTR) {
			return &os.LinkError{Op: "linkat", Old: file, New: key, Err: err}
		}
	}
}

// unstage takes away what staging has left.
func (b *Blobs) unstage(f staged) error {
	err := f.Close()
	if f.name != "" {
		err = errors.Join(err, b.root.Remove(f.name))
	}
	return err
}

// canNameLater finds out whether a file can be made without a name and get one
// later: not every file system can, and it takes /proc.
func (b *Blobs) canNameLater() bool {
	f, err := b.root.OpenFile(staging, unix.O_TMPFILE|os.O_WRONLY, 0o640)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	folder, err := b.root.Open(staging)
	if err != nil {
		return false
	}
	defer folder.Close() //nolint:errcheck // it was only linked into
	name := path.Join(staging, rand.Text())
	return b.name(staged{File: f}, folder, name) == nil && b.root.Remove(name) == nil
}
