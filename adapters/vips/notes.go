package vips

import (
	"bytes"
	"context"
	"log/slog"
	"sync"

	"imgd/adapters/vips/wire"
)

// The most that is kept of what a child writes to its standard error: of a line,
// and since it was last given something to do. What is more is thrown away, so
// that a child can fill neither the log nor the memory.
const (
	lineBytes = 1 << 10
	noteBytes = 8 << 10
)

// notes logs a child's standard error line by line.
type notes struct {
	log *slog.Logger
	pid int

	mu    sync.Mutex
	line  []byte
	since bytes.Buffer
}

// Write always takes all of p.
func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for part := range bytes.Lines(p) {
		n.line = append(n.line, part[:min(len(part), lineBytes-len(n.line))]...)
		if part[len(part)-1] == '\n' {
			n.flush()
		}
	}
	return len(p), nil
}

func (n *notes) flush() {
	text := wire.Text(string(bytes.TrimSpace(n.line)), lineBytes)
	n.line = n.line[:0]
	if text == "" || n.since.Len()+len(text) > noteBytes {
		return
	}
	if n.since.Len() > 0 {
		n.since.WriteString("; ")
	}
	n.since.WriteString(text)
	n.log.LogAttrs(context.Background(), slog.LevelDebug, "decoder: "+text, slog.Int("pid", n.pid))
}

// forget begins anew.
func (n *notes) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.since.Reset()
}

// text is the beginning of what was written since: the first lines name the
// reason, what follows are traces.
func (n *notes) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.flush()
	return wire.Text(n.since.String(), lineBytes)
}
