package wire

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"imgd/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ends are both ends of a socket in one process.
func ends(t *testing.T) (pool, child *Conn) {
	t.Helper()
	pool, theirs, err := Pair(8 << 20)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pool.Close() })
	fd := int(theirs.Fd())
	child, err = inheritedCopy(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Close() })
	return pool, child
}

// exchange sends with one goroutine what the other receives.
func exchange(t *testing.T, send func() error, c *Conn) (Frame, error) {
	t.Helper()
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	f, err := c.Receive()
	if err := <-sent; err != nil {
		t.Fatalf("Send: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, err
}

func TestABodyArrivesWholeWhateverItsSize(t *testing.T) {
	pool, child := ends(t)
	for _, size := range []int{0, 1, 300_000, InlineBytes, InlineBytes + 1, 5 << 20} {
		body := bytes.Repeat([]byte("imgd"), size/4+1)[:size]
		f, err := exchange(t, func() error { return child.Send(KindOutput, Output{Name: "a"}, body) }, pool)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if attached := f.File != nil; attached != (size > InlineBytes) {
			t.Errorf("%d bytes: came by descriptor: %v", size, attached)
		}
		got, err := io.ReadAll(f.Reader())
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: got %d others, %v", size, len(got), err)
		}
		var o Output
		if err := f.Decode(&o); err != nil || o.Name != "a" {
			t.Errorf("%d bytes: got the header %+v, %v", size, o, err)
		}
	}
}

// postman counts what goes out.
type postman struct {
	scribe
	writes int
}

func (p *postman) Write(b []byte) (int, error) {
	p.writes++
	return p.scribe.Write(b)
}

func TestAFrameOfASmallBodyIsWrittenAtOnce(t *testing.T) {
	for size, want := range map[int]int{0: 1, 1: 1, glueBytes: 1, glueBytes + 1: 2, InlineBytes: 2} {
		var p postman
		body := bytes.Repeat([]byte{7}, size)
		if err := send(&p, KindOutput, Output{Name: "a"}, body, nil, int64(size)); err != nil {
			t.Fatal(err)
		}
		if p.writes != want {
			t.Errorf("%d bytes: %d writes, want %d", size, p.writes, want)
		}
		if !bytes.HasSuffix(p.Bytes(), body) {
			t.Errorf("%d bytes: they are not at the end of the frame", size)
		}
	}
}

func TestARequestCarriesItsFileReadOnly(t *testing.T) {
	pool, child := ends(t)
	name := filepath.Join(t.TempDir(), "original")
	if err := os.WriteFile(name, []byte("pixels"), 0o600); err != nil {
		t.Fatal(err)
	}
	rw, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer rw.Close()
	ro, err := ReadOnly(rw)
	if err != nil {
		t.Fatal(err)
	}
	defer ro.Close()
	f, err := exchange(t, func() error { return pool.SendFile(KindRequest, Request{Op: OpProbe}, ro, 6) }, child)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f.Reader()); string(got) != "pixels" {
		t.Errorf("got %q, %v, want the file", got, err)
	}
	if _, err := f.File.WriteAt([]byte("X"), 0); err == nil {
		t.Error("the receiver could write into the file")
	}
}

func TestAnAnswerMustBeSealed(t *testing.T) {
	pool, child := ends(t)
	f, err := os.Create(filepath.Join(t.TempDir(), "answer"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("abc"); err != nil {
		t.Fatal(err)
	}
	if _, err := exchange(t, func() error { return child.SendFile(KindOutput, Output{}, f, 3) }, pool); !errors.Is(err, ErrBroken) {
		t.Errorf("an ordinary file: got %v, want %v", err, ErrBroken)
	}
}

func TestASealedAnswerMustHaveItsSize(t *testing.T) {
	pool, child := ends(t)
	f, err := seal([]byte("abc"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := exchange(t, func() error { return child.SendFile(KindOutput, Output{}, f, 4) }, pool); !errors.Is(err, ErrBroken) {
		t.Errorf("3 bytes said to be 4: got %v, want %v", err, ErrBroken)
	}
}

func TestTheEndOfThePeerIsEOF(t *testing.T) {
	pool, child := ends(t)
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("got %v, want EOF", err)
	}
}

func TestExpireFreesWhoeverWaits(t *testing.T) {
	pool, _ := ends(t)
	done := make(chan error, 1)
	go func() {
		_, err := pool.Receive()
		done <- err
	}()
	pool.Expire()
	if err := <-done; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %v, want that the deadline is exceeded", err)
	}
}

func TestAFailureKeepsWhatCallersMayRead(t *testing.T) {
	err := core.ImageTooLarge.Errorf("too large\nby far").
		With("limit", 5).With("ratio", 1.5).With("formats", []string{"png"}).With("huge", int64(1)<<40).
		Because(errors.New("vips: no"))
	f, wireErr := roundTrip(t, FailureOf(err))
	if wireErr != nil {
		t.Fatal(wireErr)
	}
	e, ok := errors.AsType[*core.Error](f.Err())
	if !ok || e.Slug != core.ImageTooLarge || e.Kind != core.Undecodable || e.Detail != "too large by far" {
		t.Fatalf("got %v", f.Err())
	}
	if e.Facts["limit"] != int64(5) || e.Facts["ratio"] != 1.5 || e.Facts["huge"] != int64(1)<<40 {
		t.Errorf("facts: got %v", e.Facts)
	}
	if list, ok := e.Facts["formats"].([]string); !ok || len(list) != 1 || list[0] != "png" {
		t.Errorf("the list: got %v", e.Facts["formats"])
	}
	if !strings.Contains(e.Error(), "vips: no") {
		t.Errorf("the cause is lost: %v", e)
	}
}

func TestAFailureThatNobodyClassifiedSaysNothingToCallers(t *testing.T) {
	f := FailureOf(errors.New("the secret"))
	if f.Slug != core.Slug(core.Internal) || strings.Contains(f.Detail, "secret") || f.Cause != "the secret" {
		t.Errorf("got %+v", f)
	}
}

func TestAFailureNoDecoderMeansIsBroken(t *testing.T) {
	for name, f := range map[string]Failure{
		"an unknown slug":      {Slug: "made-up"},
		"no slug":              {},
		"a foreign slug":       {Slug: core.QuotaExceeded},
		"a nested fact":        {Slug: core.ImageTruncated, Facts: map[string]any{"a": map[string]any{}}},
		"a fact that is null":  {Slug: core.ImageTruncated, Facts: map[string]any{"a": nil}},
		"a list of other than": {Slug: core.ImageTruncated, Facts: map[string]any{"a": []any{1.0}}},
	} {
		if err := f.Err(); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: got %v, want %v", name, err, ErrBroken)
		}
	}
}

func TestTextIsOneShortLineOfUTF8(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\nb\x1b[31m": "a b [31m", "\xff\xfeok": "ok", "äöüäöü": "äöüä", "abcdefghijk": "abcdefgh",
	} {
		if got := Text(in, 8); got != want {
			t.Errorf("Text(%q): got %q, want %q", in, got, want)
		}
	}
}

func roundTrip(t *testing.T, f *Failure) (*Failure, error) {
	t.Helper()
	pool, child := ends(t)
	frame, err := exchange(t, func() error { return child.Send(KindDone, Done{Failure: f}, nil) }, pool)
	if err != nil {
		return nil, err
	}
	var d Done
	if err := frame.Decode(&d); err != nil {
		return nil, err
	}
	return d.Failure, nil
}
