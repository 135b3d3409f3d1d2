//go:build !linux

package disk

import (
	"errors"
	"os"
)

// canNameLater is said of no file here: each has a name from its beginning.
func (b *Blobs) canNameLater() bool { return false }

func (b *Blobs) withoutName() (*os.File, error) { return nil, errors.ErrUnsupported }

func nameLater(_, _ *os.File, _ string) error { return errors.ErrUnsupported }
