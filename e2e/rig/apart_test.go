package rig_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"imgd/e2e/rig"
)

func TestANarrowFileSystemIsFullUntilItIsWidened(t *testing.T) {
	if !rig.Apart(t) {
		return
	}
	folder := filepath.Join(t.TempDir(), "small")
	widen := rig.Narrow(t, folder, 1<<20)
	fill := func() error { return os.WriteFile(filepath.Join(folder, "a"), make([]byte, 2<<20), 0o600) }
	if err := fill(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("2 MiB on a file system of 1 MiB = %v, want that there is no space", err)
	}
	widen(4 << 20)
	if err := fill(); err != nil {
		t.Errorf("2 MiB on a file system of 4 MiB = %v", err)
	}
}
