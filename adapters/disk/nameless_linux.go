package disk

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// withoutName makes a file that stands in no folder.
func (b *Blobs) withoutName() (*os.File, error) {
	return b.root.OpenFile(staging, unix.O_TMPFILE|os.O_WRONLY, 0o640)
}

// nameLater enters such a file in a folder.
func nameLater(f, folder *os.File, key string) error {
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

// canNameLater finds out whether a file can be made without a name and get one
// later: not every file system can, and it takes /proc.
func (b *Blobs) canNameLater() bool {
	f, err := b.withoutName()
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
	return nameLater(f, folder, name) == nil && b.root.Remove(name) == nil
}
