package sqlite

import (
	"errors"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// system is the name under which SQLite finds its files here: the operating
// system's own, but for the journal that undoes a savepoint. SQLite makes and
// deletes one with every group of writes, and making and deleting files is among
// the dearest things a commit could do.
const system = "imgd"

func init() { vfs.Register(system, files{vfs.Find("os")}) }

type files struct{ vfs.VFS }

// OpenFilename is what SQLite opens its files by.
func (f files) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	open := func() (vfs.File, vfs.OpenFlag, error) { return vfsutil.WrapOpenFilename(f.VFS, name, flags) }
	if flags&vfs.OPEN_SUBJOURNAL == 0 {
		return open()
	}
	return &journal{File: &vfsutil.SliceFile{}, file: open}, flags, nil
}

// roomy is how large a journal may become in memory: a migration may change more.
const roomy = 8 << 20

// journal is in memory until it is large. Nobody needs it once its process is gone,
// so that it is never synced.
type journal struct {
	vfs.File
	file func() (vfs.File, vfs.OpenFlag, error) // nil once it is one
}

// WriteAt moves to a file what would not fit.
func (j *journal) WriteAt(b []byte, off int64) (int, error) {
	if j.file != nil && off+int64(len(b)) > roomy {
		if err := j.spill(); err != nil {
			return 0, err
		}
	}
	return j.File.WriteAt(b, off)
}

func (j *journal) spill() error {
	f, _, err := j.file()
	if err != nil {
		return err
	}
	kept := *j.File.(*vfsutil.SliceFile) //nolint:forcetypeassert // it was not spilled yet
	if _, err := f.WriteAt(kept, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	j.File, j.file = f, nil
	return nil
}
