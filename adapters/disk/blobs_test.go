package disk_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"imgd/adapters/disk"
	"imgd/ports"
	"imgd/ports/portstest"
)

func open(t *testing.T) ports.Blobs {
	t.Helper()
	blobs, err := disk.Open(filepath.Join(t.TempDir(), "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = blobs.Close() })
	return blobs
}

func TestBlobs(t *testing.T) { portstest.Blobs(t, open) }

func TestBlobsWhereAFileNeedsAName(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs { return disk.Named(open(t).(*disk.Blobs)) })
}

func TestNothingIsLeftInStaging(t *testing.T) {
	for name, named := range map[string]bool{"named": true, "nameless": false} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			blobs, err := disk.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer blobs.Close()
			if named {
				disk.Named(blobs)
			}
			large := bytes.Repeat([]byte("large "), 1<<20)
			for key, r := range map[string]io.Reader{
				"v/1/a": strings.NewReader("small"), "v/1/b": bytes.NewReader(large),
				"v/1/c": io.MultiReader(bytes.NewReader(large), iotest.ErrReader(errors.New("cable pulled"))),
			} {
				_, _ = blobs.Create(t.Context(), key, "", r)
				_, _ = blobs.Create(t.Context(), "v/1/a", "", strings.NewReader(key)) // is taken, or about to be
			}
			if left, err := os.ReadDir(filepath.Join(dir, ".staging")); err != nil || len(left) != 0 {
				t.Errorf("staging holds %v (%v), want nothing", left, err)
			}
			if kept, err := os.ReadDir(filepath.Join(dir, "v", "1")); err != nil || len(kept) != 2 {
				t.Errorf("the folder holds %v (%v), want a and b", kept, err)
			}
		})
	}
}

func TestManyMakeOneFolderAtOnce(t *testing.T) {
	blobs := open(t)
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			if _, err := blobs.Create(t.Context(), fmt.Sprintf("v/%d/%d", i%4, i), "", strings.NewReader("x")); err != nil {
				t.Errorf("creating %d beside others = %v", i, err)
			}
		})
	}
	wg.Wait()
	n := 0
	for _, err := range blobs.List(t.Context(), "v/") {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 40 {
		t.Errorf("%d of 40 are there", n)
	}
}

func TestFaultWrappersKeepTheContract(t *testing.T) {
	portstest.Blobs(t, func(t *testing.T) ports.Blobs { return &portstest.FlakyBlobs{Blobs: open(t)} })
	portstest.Blobs(t, func(t *testing.T) ports.Blobs { return portstest.Fileless{Blobs: open(t)} })
}

func TestStagingOfTheDeadIsCleanedAndOfTheLivingIsNot(t *testing.T) {
	dir := t.TempDir()
	blobs, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	for name, age := range map[string]time.Duration{"old": 3 * time.Hour, "young": time.Minute} {
		path := filepath.Join(dir, ".staging", name)
		if err := os.WriteFile(path, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := blobs.CleanStaging(time.Now().Add(-2 * time.Hour)); n != 1 || err != nil {
		t.Errorf("CleanStaging = %d, %v, want 1 removed", n, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".staging", "young")); err != nil {
		t.Errorf("the young file is gone: %v", err)
	}
}

func TestALinkOutOfTheStoreIsNotFollowed(t *testing.T) {
	dir, secret := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	blobs, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer blobs.Close()
	if err := os.Symlink(secret, filepath.Join(dir, "o")); err != nil {
		t.Fatal(err)
	}
	if b, err := blobs.Open(t.Context(), "o"); err == nil {
		b.Close()
		t.Error("Open followed a symbolic link out of the store")
	}
}

func TestPingSaysWhetherTheFolderIsThere(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "blobs")
	d, err := disk.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // of the test
	if err := d.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v", err)
	}
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if d.Ping(t.Context()) == nil {
		t.Error("Ping of a folder that is gone succeeds")
	}
}

func TestSpoolGivesBackWhatItTookInMemoryAndOnDisk(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 10, 8 << 20, 8<<20 + 1, 20 << 20} {
		s, err := disk.Spools{Dir: dir}.New()
		if err != nil {
			t.Fatal(err)
		}
		want := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		if _, err := io.CopyBuffer(struct{ io.Writer }{s}, bytes.NewReader(want), make([]byte, 100_000)); err != nil {
			t.Fatal(err)
		}
		f, err := s.File()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a spool of %d bytes reads back %d (%v)", size, len(got), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%d files are left in the spool's folder", len(left))
	}
}
