package disk

import (
	"errors"
	"io/fs"
	"path"
	"time"
)

// CleanStaging removes what processes that died left half-written before the
// given time. Younger files may still be growing.
func (b *Blobs) CleanStaging(before time.Time) (removed int, err error) {
	entries, err := fs.ReadDir(b.root.FS(), staging)
	if err != nil {
		return 0, explain(staging, err)
	}
	for _, e := range entries {
		st, err := e.Info()
		if err != nil || st.ModTime().After(before) {
			continue // gone already, or still young
		}
		if err := b.root.Remove(path.Join(staging, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return removed, explain(staging, err)
		}
		removed++
	}
	return removed, nil
}

// Unfinished counts what was left half-written before the given time.
func (b *Blobs) Unfinished(before time.Time) (n int, err error) {
	entries, err := fs.ReadDir(b.root.FS(), staging)
	for _, e := range entries {
		if st, err := e.Info(); err == nil && st.ModTime().Before(before) {
			n++
		}
	}
	return n, explain(staging, err)
}
