package imgd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"sync"
)

var errSpent = errors.New("its body can be read only once; give an io.Seeker, such as a file or a bytes.Reader")

// form is a multipart body whose last part is read from a file as it is sent.
type form struct {
	head, tail  []byte
	contentType string
	file        io.Reader
	start       int64 // where the file began, if it can be sought
	size        int64 // of the file; -1 if nobody knows
	seeker      io.Seeker
	told        func(sent int64)

	last *try
}

// newForm puts fields, by name and value, before a file.
func newForm(file io.Reader, filename string, told func(sent int64), fields ...[2]string) (*form, error) {
	f := &form{file: file, size: -1, told: told}
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	f.contentType = w.FormDataContentType()
	for _, field := range fields {
		if field[1] == "" {
			continue
		}
		if err := w.WriteField(field[0], field[1]); err != nil {
			return nil, err
		}
	}
	if _, err := w.CreateFormFile("file", filename); err != nil {
		return nil, err
	}
	f.head = bytes.Clone(b.Bytes())
	b.Reset()
	if err := w.Close(); err != nil {
		return nil, err
	}
	f.tail = b.Bytes()
	f.measure()
	return f, nil
}

// measure finds out how long the file is, if it can be asked. A pipe is an *os.File,
// and cannot.
func (f *form) measure() {
	s, ok := f.file.(io.Seeker)
	if !ok {
		return
	}
	start, err := s.Seek(0, io.SeekCurrent)
	if err != nil {
		return
	}
	end, err := s.Seek(0, io.SeekEnd)
	if err != nil || end < start {
		return
	}
	if _, err := s.Seek(start, io.SeekStart); err != nil {
		return
	}
	f.seeker, f.start, f.size = s, start, end-start
}

// long is the size from which a file is not sent before the service wants it.
const long = 1 << 20

// into makes the form the body of a request. One that is long, or cannot be read twice,
// asks before it is sent (Expect), so that a refusal does not cost it.
func (f *form) into(req *http.Request) error {
	req.GetBody = func() (io.ReadCloser, error) { return f.again(req.Context()) }
	body, err := req.GetBody()
	if err != nil {
		return err
	}
	req.Body, req.ContentLength = body, -1
	if f.seeker != nil {
		req.ContentLength = int64(len(f.head)) + f.size + int64(len(f.tail))
	}
	if f.size < 0 || f.size > long {
		req.Header.Set("Expect", "100-continue")
	}
	return nil
}

// again is the body from its beginning. The one before may still be read by the
// connection it was sent on, so it waits until that has let go of the file.
func (f *form) again(ctx context.Context) (io.ReadCloser, error) {
	if f.last != nil {
		select {
		case <-f.last.idle:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		switch {
		case f.seeker != nil:
			if _, err := f.seeker.Seek(f.start, io.SeekStart); err != nil {
				return nil, err
			}
		case f.last.began:
			return nil, errSpent
		}
	}
	f.last = &try{form: f, idle: make(chan struct{})}
	f.last.all = io.MultiReader(bytes.NewReader(f.head), (*counted)(f.last), bytes.NewReader(f.tail))
	return f.last, nil
}

// try is the body of one try. Once it is closed and no read is under way, the file is
// nobody's.
type try struct {
	form *form
	all  io.Reader
	idle chan struct{}

	mu             sync.Mutex
	reading, ended bool
	began          bool // something of the file was read
	sent           int64
}

func (t *try) Read(p []byte) (int, error) {
	t.mu.Lock()
	if t.ended {
		t.mu.Unlock()
		return 0, os.ErrClosed
	}
	t.reading = true
	t.mu.Unlock()
	n, err := t.all.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reading = false
	if t.ended {
		close(t.idle)
	}
	return n, err
}

// Close does not wait for a read, which may be of a pipe that is silent.
func (t *try) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.ended = true
		if !t.reading {
			close(t.idle)
		}
	}
	return nil
}

// counted is the file as one try reads it.
type counted try

func (c *counted) Read(p []byte) (int, error) {
	c.began = true
	n, err := c.form.file.Read(p)
	c.sent += int64(n)
	if n > 0 {
		c.form.told(c.sent)
	}
	return n, err
}
