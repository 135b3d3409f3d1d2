package portstest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"imgd/core"
	"imgd/ports"
)

// Blobs holds a store to the promises of ports.Blobs. open returns an empty one.
func Blobs(t *testing.T, open func(*testing.T) ports.Blobs) {
	t.Run("reads what was written", func(t *testing.T) { blobsRead(t, open) })
	t.Run("absence", func(t *testing.T) { blobsAbsence(t, open) })
	t.Run("conflict", func(t *testing.T) { blobsConflict(t, open) })
	t.Run("concurrency", func(t *testing.T) { blobsConcurrency(t, open) })
	t.Run("interruption", func(t *testing.T) { blobsInterruption(t, open) })
}

func blobsRead(t *testing.T, open func(*testing.T) ports.Blobs) {
	t.Run("bytes, size and hash come back", func(t *testing.T) {
		blobs := open(t)
		for _, size := range []int{0, 1, 4096, 256 << 10, 3<<20 + 7, 16 << 20, 16<<20 + 1} {
			want := bytes.Repeat([]byte("imgd "), size/5+1)[:size]
			key := fmt.Sprintf("o/%d", size)
			stream := struct{ io.Reader }{bytes.NewReader(want)} // as uploads are: nobody can seek in it
			info, err := blobs.Create(t.Context(), key, "image/png", stream)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(want)
			if info.Bytes != int64(size) || info.SHA256 != hex.EncodeToString(sum[:]) {
				t.Errorf("Create(%s) = %+v, want %d bytes with hash %x", key, info, size, sum)
			}
			if got := contents(t, blobs, key); !bytes.Equal(got, want) {
				t.Errorf("%s reads back as %d bytes that differ from the %d written", key, len(got), size)
			}
		}
	})
	t.Run("a blob can be read from anywhere", func(t *testing.T) {
		blobs := open(t)
		create(t, blobs, "o/a", "0123456789")
		b, err := blobs.Open(t.Context(), "o/a")
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		if b.Bytes != 10 || b.Modified.IsZero() {
			t.Errorf("Open = %d bytes modified %v, want 10 bytes and a time", b.Bytes, b.Modified)
		}
		for _, at := range []int64{7, 0, 9} {
			if _, err := b.Seek(at, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(b); err != nil || string(got) != "0123456789"[at:] {
				t.Errorf("from %d it reads %q (%v), want %q", at, got, err, "0123456789"[at:])
			}
		}
		if at, err := b.Seek(-4, io.SeekEnd); at != 6 || err != nil {
			t.Errorf("a seek to 4 before the end = %d, %v, want 6", at, err)
		}
		if at, err := b.Seek(-1, io.SeekCurrent); at != 5 || err != nil {
			t.Errorf("a seek to 1 before it = %d, %v, want 5", at, err)
		}
		if got, err := io.ReadAll(io.LimitReader(b, 3)); err != nil || string(got) != "567" {
			t.Errorf("from there it reads %q (%v), want 567", got, err)
		}
		if _, err := b.Seek(-1, io.SeekStart); err == nil {
			t.Error("a seek to before the beginning succeeds")
		}
		if _, err := b.Seek(10, io.SeekStart); err != nil {
			t.Error(err)
		}
		if n, err := b.Read(make([]byte, 1)); n != 0 || !errors.Is(err, io.EOF) {
			t.Errorf("at its end it reads %d bytes (%v), want the end", n, err)
		}
		if b.File != nil {
			got := make([]byte, 3)
			if _, err := b.File.ReadAt(got, 2); err != nil || string(got) != "234" {
				t.Errorf("its descriptor reads %q at 2 (%v), want 234", got, err)
			}
		}
	})
	t.Run("a list has every key with its prefix, and no other", func(t *testing.T) {
		blobs := open(t)
		for _, key := range []string{"o/1", "o/2", "v/1/a.webp", "v/1/b.webp", "v/12/a.webp"} {
			create(t, blobs, key, key)
		}
		for prefix, want := range map[string][]string{
			"":      {"o/1", "o/2", "v/1/a.webp", "v/1/b.webp", "v/12/a.webp"},
			"o/":    {"o/1", "o/2"},
			"v/1/":  {"v/1/a.webp", "v/1/b.webp"},
			"v/1":   {"v/1/a.webp", "v/1/b.webp", "v/12/a.webp"},
			"none/": nil,
		} {
			if got := keysOf(t, blobs, prefix); !slices.Equal(got, want) {
				t.Errorf("List(%q) = %q, want %q", prefix, got, want)
			}
		}
	})
}

func blobsAbsence(t *testing.T, open func(*testing.T) ports.Blobs) {
	blobs := open(t)
	if _, err := blobs.Open(t.Context(), "o/none"); core.KindOf(err) != core.NotFound {
		t.Errorf("Open(o/none) = %v, want a NotFound", err)
	}
	if err := blobs.Delete(t.Context(), "o/none"); err != nil {
		t.Errorf("Delete(o/none) = %v, want nil", err)
	}
	create(t, blobs, "o/a", "a")
	create(t, blobs, "v/1/a", "a")
	create(t, blobs, "v/1/b", "b")
	create(t, blobs, "v/2/a", "a")
	for _, key := range []string{"o/a", "v/1/"} {
		if err := blobs.Delete(t.Context(), key); err != nil {
			t.Errorf("Delete(%s) = %v", key, err)
		}
	}
	if got := keysOf(t, blobs, ""); !slices.Equal(got, []string{"v/2/a"}) {
		t.Errorf("after the deletes the store has %q, want only v/2/a", got)
	}
	create(t, blobs, "o/a", "again")
	if got := contents(t, blobs, "o/a"); string(got) != "again" {
		t.Errorf("a key that was deleted and made again reads %q, want again", got)
	}
}

func blobsConflict(t *testing.T, open func(*testing.T) ports.Blobs) {
	t.Run("a key is made once", func(t *testing.T) {
		blobs := open(t)
		create(t, blobs, "o/a", "first")
		if _, err := blobs.Create(t.Context(), "o/a", "text/plain", strings.NewReader("second")); core.KindOf(err) != core.Conflict {
			t.Errorf("a second Create = %v, want a Conflict", err)
		}
		if got := contents(t, blobs, "o/a"); string(got) != "first" {
			t.Errorf("after it, o/a reads %q, want first", got)
		}
	})
	for _, key := range []string{"", "/", "../x", "o/../../x", "o//a", "/etc/x", "o/.a", ".staging/a", "o/A", "o/a\x00", "o/" + strings.Repeat("a", 200)} {
		t.Run(fmt.Sprintf("the key %.20q is Invalid", key), func(t *testing.T) {
			blobs := open(t)
			if _, err := blobs.Create(t.Context(), key, "text/plain", strings.NewReader("x")); core.KindOf(err) != core.Invalid {
				t.Errorf("Create = %v, want Invalid", err)
			}
			if _, err := blobs.Open(t.Context(), key); core.KindOf(err) != core.Invalid {
				t.Errorf("Open = %v, want Invalid", err)
			}
			if got := keysOf(t, blobs, ""); len(got) != 0 {
				t.Errorf("the store has %q after it, want nothing", got)
			}
		})
		t.Run(fmt.Sprintf("to delete the key %.20q is Invalid", key), func(t *testing.T) {
			blobs := open(t)
			create(t, blobs, "o/a", "a")
			create(t, blobs, "v/1/a", "a")
			if err := blobs.Delete(t.Context(), key); core.KindOf(err) != core.Invalid {
				t.Errorf("Delete = %v, want Invalid", err)
			}
			if got := keysOf(t, blobs, ""); len(got) != 2 {
				t.Errorf("the store has %q after it, want what was there", got)
			}
		})
	}
}

func blobsConcurrency(t *testing.T, open func(*testing.T) ports.Blobs) {
	blobs := open(t)
	var (
		wg   sync.WaitGroup
		wins atomic.Int32
	)
	for i := range 16 {
		wg.Go(func() {
			_, err := blobs.Create(t.Context(), "v/1/a", "text/plain", strings.NewReader(strings.Repeat(string(rune('a'+i)), 5000)))
			switch {
			case err == nil:
				wins.Add(1)
			case core.KindOf(err) != core.Conflict:
				t.Errorf("a losing Create = %v, want a Conflict", err)
			}
		})
	}
	wg.Wait()
	if wins.Load() != 1 {
		t.Errorf("%d of 16 racing creators won, want 1", wins.Load())
	}
	if got := contents(t, blobs, "v/1/a"); len(got) != 5000 || strings.Trim(string(got), string(got[0])) != "" {
		t.Errorf("the winner's %d bytes are mixed with another's", len(got))
	}
}

func blobsInterruption(t *testing.T, open func(*testing.T) ports.Blobs) {
	for _, size := range []int{1 << 20, 20 << 20} {
		t.Run(fmt.Sprintf("a create torn after %d MiB leaves nothing", size>>20), func(t *testing.T) {
			blobs, cable := open(t), errors.New("cable pulled")
			torn := io.MultiReader(strings.NewReader(strings.Repeat("x", size)), iotest.ErrReader(cable))
			if _, err := blobs.Create(t.Context(), "o/a", "text/plain", torn); !errors.Is(err, cable) || err.Error() != cable.Error() {
				t.Errorf("Create from a broken reader = %v, want the reader's own error", err)
			}
			if _, err := blobs.Open(t.Context(), "o/a"); core.KindOf(err) != core.NotFound {
				t.Errorf("after it, Open = %v, want a NotFound", err)
			}
			create(t, blobs, "o/a", "whole")
		})
		t.Run(fmt.Sprintf("a create cancelled after %d MiB leaves nothing", size>>20), func(t *testing.T) {
			blobs := open(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			read := 0
			endless := readerFunc(func(p []byte) (int, error) {
				if read += len(p); read >= size {
					cancel()
				}
				return len(p), nil
			})
			if _, err := blobs.Create(ctx, "o/a", "text/plain", endless); !errors.Is(err, context.Canceled) {
				t.Errorf("Create whose context ended = %v, want the context's own error", err)
			}
			if got := keysOf(t, blobs, ""); len(got) != 0 {
				t.Errorf("the store has %q after it, want nothing", got)
			}
		})
	}
	t.Run("a list can be left", func(t *testing.T) {
		blobs := open(t)
		create(t, blobs, "o/1", "1")
		create(t, blobs, "o/2", "2")
		for _, err := range blobs.List(t.Context(), "") {
			if err != nil {
				t.Error(err)
			}
			break
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func create(t *testing.T, blobs ports.Blobs, key, text string) {
	t.Helper()
	if _, err := blobs.Create(t.Context(), key, "text/plain", strings.NewReader(text)); err != nil {
		t.Fatalf("Create(%s) = %v", key, err)
	}
}

func contents(t *testing.T, blobs ports.Blobs, key string) []byte {
	t.Helper()
	b, err := blobs.Open(t.Context(), key)
	if err != nil {
		t.Fatalf("Open(%s) = %v", key, err)
	}
	defer b.Close()
	var got bytes.Buffer
	got.Grow(int(b.Bytes) + bytes.MinRead)
	if _, err := got.ReadFrom(b); err != nil {
		t.Fatalf("reading %s: %v", key, err)
	}
	return got.Bytes()
}

func keysOf(t *testing.T, blobs ports.Blobs, prefix string) []string {
	t.Helper()
	var keys []string
	for e, err := range blobs.List(t.Context(), prefix) {
		if err != nil {
			t.Fatalf("List(%q) = %v", prefix, err)
		}
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}
