package vips

import (
	"fmt"
	"io"
	"os"

	"imgd/adapters/vips/wire"
	"imgd/ports"
)

// question is a request that is ready to be sent to whichever child is free, with
// what goes before it.
type question struct {
	op      wire.Op
	letters []letter
}

// letter is a frame with a file as its body.
type letter struct {
	kind   wire.Kind
	header any
	body   []byte
	file   *os.File // instead of body
	size   int64
}

func ask(r wire.Request, f *os.File, size int64, marks ...ports.Mark) (*question, error) {
	q := &question{op: r.Op}
	for _, m := range marks {
		if err := q.add(wire.KindMark, wire.Mark{Image: m.Image}, m.Source, m.Bytes); err != nil {
			q.close()
			return nil, err
		}
	}
	if err := q.add(wire.KindRequest, r, f, size); err != nil {
		q.close()
		return nil, err
	}
	return q, nil
}

func (q *question) add(kind wire.Kind, header any, f *os.File, size int64) error {
	l := letter{kind: kind, header: header, size: size}
	if size > wire.InlineBytes {
		ro, err := wire.ReadOnly(f)
		if err != nil {
			return err
		}
		l.file = ro
	} else {
		l.body = make([]byte, max(size, 0))
		if _, err := io.ReadFull(io.NewSectionReader(f, 0, size), l.body); err != nil {
			return fmt.Errorf("a file of %d bytes cannot be read for a decoder: %w", size, err)
		}
	}
	q.letters = append(q.letters, l)
	return nil
}

func (q *question) send(c *wire.Conn) error {
	for _, l := range q.letters {
		if err := l.send(c); err != nil {
			return err
		}
	}
	return nil
}

func (l letter) send(c *wire.Conn) error {
	if l.file != nil {
		return c.SendFile(l.kind, l.header, l.file, l.size)
	}
	return c.Send(l.kind, l.header, l.body)
}

func (q *question) close() {
	for _, l := range q.letters {
		if l.file != nil {
			_ = l.file.Close() // only read from
		}
	}
}
