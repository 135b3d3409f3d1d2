package wire

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Conn is one end of the socket. It may be read and written at the same time,
// but by one goroutine each.
type Conn struct {
	socket socket
	limits limits
}

// Pair makes a socket: the pool's end, and the other one as the file a child
// inherits. Whoever asks closes both. What a child attaches may have at most
// bodyBytes.
func Pair(bodyBytes int64) (*Conn, *os.File, error) {
	fds, err := socketpair()
	if err != nil {
		return nil, nil, fmt.Errorf("no socket for a decoder: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "decoder")
	ours, err := open(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return &Conn{ours, limits{
		kinds: []Kind{KindHello, KindBegun, KindOutput, KindDone}, header: answerHeaderBytes, body: bodyBytes, sealed: true,
	}}, theirs, nil
}

// Inherited is the child's end, which it finds as the descriptor fd.
func Inherited(fd int) (*Conn, error) {
	s, err := open(fd)
	if err != nil {
		return nil, err
	}
	return &Conn{s, limits{kinds: []Kind{KindRequest, KindMark}, header: requestHeaderBytes, body: 1 << 40}}, nil
}

// open takes over fd.
func open(fd int) (socket, error) {
	syscall.CloseOnExec(fd)
	f := os.NewFile(uintptr(fd), "socket")
	if f == nil {
		return socket{}, fmt.Errorf("descriptor %d is not open", fd)
	}
	c, err := net.FileConn(f) // a duplicate
	if err := errors.Join(err, f.Close()); err != nil {
		return socket{}, fmt.Errorf("descriptor %d is no socket: %w", fd, err)
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return socket{}, errors.Join(fmt.Errorf("descriptor %d is a socket of another kind", fd), c.Close())
	}
	return socket{u}, nil
}

// Receive waits for the next frame. The caller closes it. The end of the peer is
// io.EOF, and what breaks the protocol wraps ErrBroken; after any error the
// connection is of no more use.
func (c *Conn) Receive() (Frame, error) { return receive(c.socket, c.limits) }

// Send sends a frame whose body is b: inline, or in sealed memory of its own
// when it is large. b is free again when Send returns.
func (c *Conn) Send(kind Kind, header any, b []byte) error {
	if len(b) <= InlineBytes {
		return send(c.socket, kind, header, b, nil, int64(len(b)))
	}
	f, err := seal(b)
	if err != nil {
		return fmt.Errorf("no memory to share an answer: %w", err)
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	return send(c.socket, kind, header, nil, f, int64(len(b)))
}

// SendFile sends a frame whose body is the first size bytes of f, by its
// descriptor. The peer can do with it what f was opened for: see ReadOnly.
func (c *Conn) SendFile(kind Kind, header any, f *os.File, size int64) error {
	return send(c.socket, kind, header, nil, f, size)
}

// Within lets every Receive and Send fail that is not done in d; 0 lifts it.
func (c *Conn) Within(d time.Duration) error {
	if d == 0 {
		return c.socket.SetDeadline(time.Time{})
	}
	return c.socket.SetDeadline(time.Now().Add(d))
}

// Expire lets what waits on the connection fail at once, and all that follows.
func (c *Conn) Expire() { _ = c.socket.SetDeadline(time.Unix(1, 0)) }

// Close ends the connection; the peer sees its end.
func (c *Conn) Close() error { return c.socket.Close() }

// socket is a stream over a real Unix socket.
type socket struct{ *net.UnixConn }

func (s socket) readRights(p []byte) (int, []*os.File, error) {
	oob := make([]byte, syscall.CmsgSpace(4)) // the kernel closes what does not fit
	n, m, _, _, err := s.ReadMsgUnix(p, oob)
	if errors.Is(err, io.EOF) {
		return 0, nil, io.EOF
	}
	if err != nil {
		return n, nil, err
	}
	files, err := rights(oob[:m])
	return n, files, err
}

func rights(oob []byte) ([]*os.File, error) {
	if len(oob) == 0 {
		return nil, nil
	}
	messages, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, Broken("a control message cannot be read: %v", err)
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			return files, Broken("a control message is of another kind: %v", err)
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	return files, nil
}

func (s socket) writeRights(p []byte, f *os.File) (n int, err error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	// Control keeps the descriptor open while it is on its way.
	failed := raw.Control(func(fd uintptr) {
		n, _, err = s.WriteMsgUnix(p, syscall.UnixRights(int(fd)), nil)
	})
	return n, errors.Join(failed, err)
}
