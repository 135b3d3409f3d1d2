package wire

import (
	"bytes"
	"io"
	"os"
	"syscall"
	"testing"
)

// inheritedCopy is Inherited for a descriptor that its caller still owns.
func inheritedCopy(fd int) (*Conn, error) {
	dup, err := syscall.Dup(fd)
	if err != nil {
		return nil, err
	}
	return Inherited(dup)
}

// tape is a stream that has been recorded; with its first bytes come descriptors
// of an ordinary file.
type tape struct {
	*bytes.Reader
	files int
}

func (t *tape) readRights(p []byte) (int, []*os.File, error) {
	var files []*os.File
	for ; t.files > 0; t.files-- {
		f, err := os.Open(os.DevNull)
		if err != nil {
			return 0, nil, err
		}
		files = append(files, f)
	}
	n, err := t.Read(p)
	return n, files, err
}

func (*tape) Write(p []byte) (int, error)                         { return len(p), nil }
func (*tape) writeRights(p []byte, _ *os.File) (n int, err error) { return len(p), nil }

// scribe writes a frame for the corpus.
type scribe struct{ bytes.Buffer }

func (*scribe) readRights([]byte) (int, []*os.File, error)            { return 0, nil, io.EOF }
func (s *scribe) writeRights(p []byte, _ *os.File) (n int, err error) { return s.Write(p) }

func written(f *testing.F, kind Kind, header any, body string) []byte {
	var s scribe
	if err := send(&s, kind, header, []byte(body), nil, int64(len(body))); err != nil {
		f.Fatal(err)
	}
	return s.Bytes()
}

// FuzzFrameOfAChild shows that whatever a child writes is a frame within the
// limits or an error.
func FuzzFrameOfAChild(f *testing.F) {
	f.Add(written(f, KindHello, Hello{Version: Version}, ""), uint8(0))
	f.Add(written(f, KindOutput, Output{Name: "a"}, "bytes"), uint8(0))
	f.Add(written(f, KindDone, Done{Failure: &Failure{Slug: "internal"}}, ""), uint8(1))
	l := limits{kinds: []Kind{KindHello, KindBegun, KindOutput, KindDone}, header: answerHeaderBytes, body: 8 << 20, sealed: true}
	f.Fuzz(func(t *testing.T, raw []byte, files uint8) {
		receiveAll(t, raw, files, l, func(f Frame) {
			var hello Hello
			var output Output
			var done Done
			for _, v := range []any{&hello, &output, &done} {
				_ = f.Decode(v) // must not panic
			}
			if done.Failure != nil {
				_ = done.Failure.Err()
			}
		})
	})
}

// FuzzFrameOfThePool is the same for what a child reads.
func FuzzFrameOfThePool(f *testing.F) {
	f.Add(written(f, KindRequest, Request{Op: OpProbe}, "file"), uint8(0))
	f.Add(written(f, KindRequest, Request{Op: OpRender, Variants: []Variant{{"a", "w=1"}}}, ""), uint8(1))
	l := limits{kinds: []Kind{KindRequest}, header: requestHeaderBytes, body: 1 << 40}
	f.Fuzz(func(t *testing.T, raw []byte, files uint8) {
		receiveAll(t, raw, files, l, func(f Frame) {
			var r Request
			_ = f.Decode(&r) // must not panic
		})
	})
}

func receiveAll(t *testing.T, raw []byte, files uint8, l limits, read func(Frame)) {
	s := &tape{bytes.NewReader(raw), int(files % 3)}
	for {
		f, err := receive(s, l)
		if err != nil {
			return
		}
		if int64(len(f.Header)) > l.header || f.Size > l.body || f.File == nil && int64(len(f.Body)) != f.Size || len(f.Body) > InlineBytes {
			t.Fatalf("let pass: a header of %d bytes and a body of %d, said to be %d", len(f.Header), len(f.Body), f.Size)
		}
		read(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
