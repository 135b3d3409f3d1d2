//go:build !linux

package disk

import "os"

// inMemory is a file in dir, since there are none without a place here.
func inMemory(dir string) (*os.File, error) { return unlinked(dir) }
