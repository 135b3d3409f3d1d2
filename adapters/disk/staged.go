package disk

import (
	"crypto/rand"
	"errors"
	"os"
	"path"
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
		f, err := b.withoutName()
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
	return nameLater(f.File, folder, key)
}

// unstage takes away what staging has left.
func (b *Blobs) unstage(f staged) error {
	err := f.Close()
	if f.name != "" {
		err = errors.Join(err, b.root.Remove(f.name))
	}
	return err
}
