// Package wire is what the pool and a decoder child say to each other over a
// Unix socket: frames of a fixed head, a JSON header and a body. Small bodies
// follow inline, large ones come as a descriptor, so that neither side copies
// them through its memory.
//
// Both sides expect a hostile peer. Every length is checked before anything is
// allocated for it, and what breaks the rules is an error that wraps ErrBroken.
package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Version is the protocol's. Both sides are one binary, so it only differs when
// an operator names another executable.
const Version = 2

// InlineBytes is the most a body may have to travel inside its frame.
const InlineBytes = 1<<20 - 1

// The most a JSON header may have.
const (
	requestHeaderBytes = 1 << 20
	answerHeaderBytes  = 64 << 10
)

// ErrBroken is in the chain of every error that says that the peer said what no
// honest peer says.
var ErrBroken = errors.New("the peer broke the protocol")

// Broken makes an error that wraps ErrBroken.
func Broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
}

// Kind says what a frame is.
type Kind uint8

// The kinds. All but KindRequest and KindMark are a child's.
const (
	KindHello   Kind = iota + 1 // once, when the child is ready
	KindRequest                 // with the file as body
	KindBegun                   // the request has arrived; from here on its file is to blame
	KindOutput                  // one variant, with its bytes as body, or why it failed
	KindDone                    // the end of the answer to a request
	KindMark                    // an image that the request after it needs beside its file
)

// Frame is one message. Its body is Body, or File when it came as a descriptor.
type Frame struct {
	Kind   Kind
	Header []byte
	Body   []byte
	File   *os.File
	Size   int64 // of the body
}

// Reader reads the body from its start.
func (f Frame) Reader() *io.SectionReader {
	if f.File != nil {
		return io.NewSectionReader(f.File, 0, f.Size)
	}
	return io.NewSectionReader(bytes.NewReader(f.Body), 0, f.Size)
}

// Decode reads the header into v, which must have a place for all of it.
func (f Frame) Decode(v any) error {
	d := json.NewDecoder(bytes.NewReader(f.Header))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return Broken("a header is not the JSON it should be: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Broken("a header has more than one JSON value")
	}
	return nil
}

// Close gives the descriptor back, if the body came as one.
func (f Frame) Close() error {
	if f.File == nil {
		return nil
	}
	return f.File.Close()
}

// limits are what one side takes from the other.
type limits struct {
	kinds  []Kind
	header int64
	body   int64
	sealed bool // descriptors must be of memory that nobody can change any more
}

// stream is a socket that can pass descriptors. They come with the head of a
// frame only; those that come with other bytes are closed unseen.
type stream interface {
	io.ReadWriter
	readRights(p []byte) (int, []*os.File, error)
	writeRights(p []byte, f *os.File) (int, error)
}

// head is the fixed beginning of a frame:
//
//	byte 0     kind
//	byte 1     1 when the body is a descriptor, else 0
//	byte 2-3   0
//	byte 4-7   bytes of the header, little-endian like all numbers
//	byte 8-15  bytes of the body
type head struct {
	kind     Kind
	attached bool
	header   int64
	body     int64
}

const headBytes = 16

// inline is how much of the body follows the header.
func (h head) inline() int64 {
	if h.attached {
		return 0
	}
	return h.body
}

func (h head) append(b []byte) []byte {
	var attached byte
	if h.attached {
		attached = 1
	}
	b = append(b, byte(h.kind), attached, 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.header))
	return binary.LittleEndian.AppendUint64(b, uint64(h.body))
}

func parseHead(b [headBytes]byte, l limits) (head, error) {
	h := head{
		kind:     Kind(b[0]),
		attached: b[1] == 1,
		header:   int64(binary.LittleEndian.Uint32(b[4:])),
		body:     int64(binary.LittleEndian.Uint64(b[8:])),
	}
	most := l.body
	if !h.attached {
		most = min(most, InlineBytes)
	}
	switch {
	case !slices.Contains(l.kinds, h.kind):
		return head{}, Broken("a frame is of kind %d", h.kind)
	case b[1] > 1 || b[2] != 0 || b[3] != 0:
		return head{}, Broken("a head has the flags % x", b[1:4])
	case h.header > l.header:
		return head{}, Broken("a header has %d bytes, the most is %d", h.header, l.header)
	case h.body < 0 || h.body > most:
		return head{}, Broken("a body has %d bytes, the most is %d", uint64(h.body), most)
	}
	return h, nil
}

func receive(s stream, l limits) (f Frame, err error) {
	var raw [headBytes]byte
	files, err := readHead(s, raw[:])
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	if err != nil {
		return Frame{}, err
	}
	h, err := parseHead(raw, l)
	if err != nil {
		return Frame{}, err
	}
	f = Frame{Kind: h.kind, Size: h.body}
	if f.File, err = attachment(h, files, l); err != nil {
		return Frame{}, err
	}
	rest := make([]byte, h.header+h.inline())
	if _, err = io.ReadFull(s, rest); err != nil {
		return Frame{}, fmt.Errorf("a frame was cut off: %w", err)
	}
	f.Header, f.Body = rest[:h.header:h.header], rest[h.header:]
	return f, nil
}

// readHead fills p and collects the descriptors that came along. A stream that
// ends before the first byte is io.EOF.
func readHead(s stream, p []byte) (files []*os.File, err error) {
	for n := 0; n < len(p); {
		m, more, err := s.readRights(p[n:])
		files = append(files, more...)
		n += m
		switch {
		case errors.Is(err, io.EOF) && n > 0:
			return files, io.ErrUnexpectedEOF
		case err != nil:
			return files, err
		case m == 0:
			return files, io.ErrNoProgress
		}
	}
	return files, nil
}

// attachment returns the one descriptor of a frame that announces one.
func attachment(h head, files []*os.File, l limits) (*os.File, error) {
	want := 0
	if h.attached {
		want = 1
	}
	if len(files) != want {
		return nil, Broken("a frame came with %d descriptors instead of %d", len(files), want)
	}
	if want == 0 {
		return nil, nil
	}
	if l.sealed {
		if err := checkSealed(files[0], h.body); err != nil {
			return nil, err
		}
	}
	return files[0], nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close() // only read from
	}
}

// glueBytes is how much of a body is copied to go out with its head: that costs
// less than the receiver being woken twice.
const glueBytes = 16 << 10

func send(s stream, kind Kind, header any, body []byte, file *os.File, size int64) error {
	text, err := json.Marshal(header)
	if err != nil {
		return fmt.Errorf("a header cannot be written: %w", err)
	}
	most := answerHeaderBytes
	if kind == KindRequest {
		most = requestHeaderBytes
	}
	if len(text) > most {
		return fmt.Errorf("a header of %d bytes is longer than %d", len(text), most)
	}
	h := head{kind: kind, attached: file != nil, header: int64(len(text)), body: size}
	b := append(h.append(make([]byte, 0, headBytes+len(text)+min(len(body), glueBytes))), text...)
	if len(body) <= glueBytes {
		b, body = append(b, body...), nil
	}
	if file != nil {
		n, err := s.writeRights(b, file)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	for _, part := range [][]byte{b, body} {
		if len(part) == 0 {
			continue
		}
		if _, err := s.Write(part); err != nil {
			return err
		}
	}
	return nil
}
