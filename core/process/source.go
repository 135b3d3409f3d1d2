package process

import (
	"context"
	"errors"
	"io"
	"os"

	"imgd/core"
)

// source is an original as the decoder takes it: a descriptor.
type source struct {
	file  *os.File
	close func()
}

// open finds the original's bytes. That they are not there is our fault, and no
// retry brings them back: the job is dead.
func (s *Service) open(ctx context.Context, m core.Image) (source, error) {
	b, err := s.Blobs.Open(ctx, m.OriginalKey())
	if core.KindOf(err) == core.NotFound {
		return source{}, core.OriginalMissing.Errorf("the original's bytes are not in the store").Because(err)
	}
	if err != nil {
		return source{}, err
	}
	if b.File != nil {
		return source{b.File, func() { _ = b.Close() }}, nil
	}
	defer b.Close() //nolint:errcheck // it was only read
	if s.Spool == nil {
		return source{}, errors.New("a store without descriptors needs a spool")
	}
	spool, err := s.Spool()
	if err != nil {
		return source{}, err
	}
	done := func() { _ = spool.Close() }
	if _, err = io.Copy(spool, b); err != nil {
		done()
		return source{}, err
	}
	f, err := spool.File()
	if err != nil {
		done()
		return source{}, err
	}
	return source{f, done}, nil
}
