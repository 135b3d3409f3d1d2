package disk

import (
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"
	"time"
)

// Of a small image most variants come out as the same bytes. Those are written and
// synced once, and the file gets one name more for each: blobs never change, and
// the file system counts the names.
const (
	// twinBytes is the most that is read before it is known whether it has a twin.
	twinBytes = 64 << 10
	// twinAge is how old a twin may be. A file has one time of change for all its
	// names, by which orphans are told from what is only just being stored.
	twinAge = time.Minute
	// twinFolders are remembered at a time.
	twinFolders = 256
)

// twins knows the last small file of each folder.
type twins struct {
	mu   sync.Mutex
	last map[string]twin // by folder
}

type twin struct {
	name string // in the folder
	sum  [sha256.Size]byte
	made time.Time
}

// of returns the name of a file with these bytes in the folder.
func (t *twins) of(folder string, sum [sha256.Size]byte) (name string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.last[folder]
	return last.name, last.sum == sum && time.Since(last.made) < twinAge
}

func (t *twins) remember(key string, sum [sha256.Size]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil || len(t.last) >= twinFolders {
		t.last = map[string]twin{}
	}
	t.last[path.Dir(key)] = twin{path.Base(key), sum, time.Now()}
}

// again gives the bytes with this sum the name key too, if they are in its folder.
// done says that there is nothing left to do but to return err.
func (b *Blobs) again(key string, sum [sha256.Size]byte) (done bool, err error) {
	name, ok := b.twins.of(path.Dir(key), sum)
	if !ok {
		return false, nil
	}
	err = b.enter(key, func(folder *os.File) error { return link(int(folder.Fd()), name, folder, key, 0) })
	return err == nil || errors.Is(err, fs.ErrExist), err
}

// readSmall fills p as far as r goes, and says whether that was all of it.
func readSmall(r io.Reader, p []byte) (n int, all bool, err error) {
	for n < len(p) {
		m, err := r.Read(p[n:])
		n += m
		if err == io.EOF { //nolint:errorlint // a wrapped EOF is a reader that was cut off
			return n, true, nil
		}
		if err != nil {
			return n, false, err
		}
	}
	return n, false, nil
}
