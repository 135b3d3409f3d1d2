package disk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// LinkInto fills a new folder with hard links to every object. It takes no room,
// and what is deleted from the store stays there: objects never change. The folder
// has to be on the same file system.
func (b *Blobs) LinkInto(ctx context.Context, folder string) (linked int, err error) {
	if err := os.Mkdir(folder, 0o750); err != nil {
		return 0, err
	}
	for e, err := range b.List(ctx, "") {
		if err != nil {
			return linked, err
		}
		to := filepath.Join(folder, filepath.FromSlash(e.Key))
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return linked, err
		}
		err := os.Link(filepath.Join(b.root.Name(), filepath.FromSlash(e.Key)), to)
		switch {
		case errors.Is(err, os.ErrNotExist):
			continue // deleted in this moment
		case errors.Is(err, syscall.EXDEV):
			return linked, fmt.Errorf("%s is on another file system, where nothing can be linked to; copy %s instead", folder, b.root.Name())
		case err != nil:
			return linked, err
		}
		linked++
	}
	return linked, nil
}
