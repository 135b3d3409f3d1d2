package disk

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"sync"
)

// folders knows the folders that are being made: until the entry of one is synced,
// a power cut may take it with all that others have put there meanwhile.
type folders struct {
	making sync.Mutex // one at a time
	mu     sync.Mutex
	young  map[string]*birth
}

type birth struct {
	done chan struct{}
	err  error
}

// of returns the birth of a folder that is being made, nil of all others.
func (f *folders) of(name string) *birth {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.young[name]
}

func (f *folders) begin(name string) *birth {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.young == nil {
		f.young = map[string]*birth{}
	}
	n := &birth{done: make(chan struct{})}
	f.young[name] = n
	return n
}

func (f *folders) end(name string, n *birth, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n.err = err
	delete(f.young, name)
	close(n.done)
}

// folder opens a folder that a power cut will leave, and makes what is missing of
// it.
func (b *Blobs) folder(name string) (*os.File, error) {
	f, err := b.root.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := b.makeFolder(name); err != nil {
			return nil, err
		}
		return b.root.Open(name)
	}
	if n := b.folders.of(name); err == nil && n != nil {
		if <-n.done; n.err != nil {
			return nil, errors.Join(n.err, f.Close())
		}
	}
	return f, err
}

// makeFolder makes a folder and syncs the parents whose entries have changed.
func (b *Blobs) makeFolder(name string) (err error) {
	b.folders.making.Lock()
	defer b.folders.making.Unlock()
	n := b.folders.begin(name)
	defer func() { b.folders.end(name, n, err) }()
	changed, err := b.makeMissing(name)
	if err != nil {
		return err
	}
	for _, parent := range changed {
		if err := b.sync(parent); err != nil {
			return err
		}
	}
	return nil
}

// makeMissing makes what is missing of a folder and returns the parents that have
// a new entry by it.
func (b *Blobs) makeMissing(name string) (changed []string, err error) {
	if _, err := b.root.Stat(name); err == nil || name == "." {
		return nil, nil
	}
	parent := path.Dir(name)
	if changed, err = b.makeMissing(parent); err != nil {
		return nil, err
	}
	if err := b.root.Mkdir(name, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return append(changed, parent), nil
}

func (b *Blobs) sync(folder string) error {
	d, err := b.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
