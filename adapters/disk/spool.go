package disk

import (
	"errors"
	"fmt"
	"io"
	"os"

	"imgd/ports"
)

// spoolMemory is how much of an upload waits in memory before it moves to a file.
const spoolMemory = 8 << 20

// Spools makes spools whose larger ones lie in Dir, unlinked, so that nothing of
// them outlives the process.
type Spools struct{ Dir string }

// New starts an empty spool.
func (s Spools) New() (ports.Spool, error) {
	f, err := inMemory(s.Dir)
	if err != nil {
		return nil, fmt.Errorf("no memory for a spool: %w", err)
	}
	return &spool{dir: s.Dir, f: f}, nil
}

// unlinked is a file in dir that nobody else finds.
func unlinked(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "imgd-spool-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

type spool struct {
	dir    string
	f      *os.File
	n      int64
	onDisk bool
}

func (s *spool) Write(p []byte) (int, error) {
	if !s.onDisk && s.n+int64(len(p)) > spoolMemory {
		if err := s.move(); err != nil {
			return 0, err
		}
	}
	n, err := s.f.Write(p)
	s.n += int64(n)
	return n, explain("the spool", err)
}

// move takes what is in memory to an unlinked file.
func (s *spool) move() error {
	f, err := unlinked(s.dir)
	if err != nil {
		return explain("the spool", err)
	}
	if _, err := io.Copy(f, io.NewSectionReader(s.f, 0, s.n)); err != nil {
		return errors.Join(explain("the spool", err), f.Close())
	}
	err = s.f.Close()
	s.f, s.onDisk = f, true
	return err
}

func (s *spool) File() (*os.File, error) {
	_, err := s.f.Seek(0, io.SeekStart)
	return s.f, err
}

func (s *spool) Close() error { return s.f.Close() }
