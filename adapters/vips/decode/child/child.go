// Package child is the life of a decoder child: it gives up what it does not
// need, starts its engine, says hello and answers one request after the other
// until its parent is gone.
package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"imgd/adapters/vips/decode/jail"
	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/core/transform"
)

// Engine decodes. It is called by one goroutine, and all bytes it is given are gone
// when a call has returned.
type Engine interface {
	Capabilities() core.Capabilities
	Probe(data []byte) (core.Probe, error)
	Render(ctx context.Context, t Task, emit func(Output) error) (*core.Facts, error)
}

// Task is what a render is to make, of which bytes.
type Task struct {
	Data     []byte
	Variants []transform.Variant
	Marks    map[core.ID][]byte // the files of watermarks
	Facts    bool               // whether facts are wanted too
}

// Escapist is an engine that knows ways out of its own, such as from a thread of a
// library.
type Escapist interface{ Acts() []jail.Act }

// Versioned is an engine that can name the libraries it works with.
type Versioned interface{ Versions() map[string]string }

// Output is one rendered variant, or why there is none.
type Output struct {
	Name, ContentType, Ext string
	Width, Height, Pages   int64
	Body                   []byte // valid until emit returns
	Warnings               core.Warnings
	Err                    error
}

// threads is how many run Go code at once. One decodes; the other keeps the
// runtime's own work out of its way.
const threads = 2

// garbage is how much may gather before it is collected, in percent of what is in
// use and of the 4 MiB that Go begins with. There is little to go through, since
// pixels are not Go's, so that a collection is cheap; but each page of a heap that
// grows instead is a fault, and a small picture costs few milliseconds.
const garbage = 200

// Run lives the child's life with the engine that start returns, and returns nil
// when the parent has closed the socket. start is called when the limits are set and
// may still read files; nothing that comes later can.
func Run(start func(wire.Settings) (Engine, error)) error {
	runtime.GOMAXPROCS(threads)
	debug.SetGCPercent(garbage)
	var s wire.Settings
	if err := json.Unmarshal([]byte(os.Getenv(wire.Variable)), &s); err != nil {
		return fmt.Errorf("%s does not hold the settings of a decoder; it is started by imgd itself, not by hand: %w", wire.Variable, err)
	}
	if err := errors.Join(jail.CloseInherited(wire.Descriptor), confine(s)); err != nil {
		return err
	}
	conn, err := wire.Inherited(wire.Descriptor)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // nothing was written through it
	engine, err := start(s)
	if err != nil {
		return fmt.Errorf("the engine does not start: %w", err)
	}
	if err := conn.Send(wire.KindHello, introduce(engine, s), nil); err != nil {
		return err
	}
	return serve(conn, engine)
}

// introduce is what a child says of itself when all it needs is loaded and it has
// locked itself up.
func introduce(engine Engine, s wire.Settings) wire.Hello {
	h := wire.Hello{Version: wire.Version, Capabilities: engine.Capabilities()}
	if v, ok := engine.(Versioned); ok {
		h.Versions = v.Versions()
	}
	os.Clearenv()
	if !s.Isolated {
		return h
	}
	acts := jail.Acts()
	if e, ok := engine.(Escapist); ok {
		acts = append(acts, e.Acts()...)
	}
	began := time.Now()
	h.Jail = jail.Lock()
	h.Jail.Allowed = jail.Attempt(acts)
	h.Jail.Micros = time.Since(began).Microseconds()
	return h
}

func serve(conn *wire.Conn, engine Engine) error {
	t := talk{conn: conn, engine: engine, known: specs{}}
	for {
		f, err := conn.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := errors.Join(t.take(f), f.Close()); err != nil {
			return err
		}
	}
}

// talk is what the child knows of the conversation so far.
type talk struct {
	conn   *wire.Conn
	engine Engine
	known  specs
	marks  marks // for the next request
}

// take keeps a watermark, or serves a request.
func (t *talk) take(f wire.Frame) error {
	if f.Kind == wire.KindMark {
		return t.marks.add(f)
	}
	defer t.marks.release()
	return t.answer(f)
}

// answer serves one request. Its error means that the parent cannot be spoken to
// any more; what is wrong with the file goes to the parent.
func (t *talk) answer(f wire.Frame) error {
	before := cpu()
	if err := t.conn.Send(wire.KindBegun, wire.Begun{}, nil); err != nil {
		return err
	}
	var req wire.Request
	if err := f.Decode(&req); err != nil {
		return err
	}
	data, release, err := body(f)
	if err != nil {
		return err
	}
	defer release()
	var done wire.Done
	var embedded []byte
	switch req.Op {
	case wire.OpProbe:
		var p core.Probe
		p, err = t.engine.Probe(data)
		done.Probe = &p
	case wire.OpRender:
		done.Facts, err = t.render(data, req)
	default:
		return wire.Broken("%q is no operation", req.Op)
	}
	if done.Facts != nil {
		embedded = done.Facts.Embedded
	}
	if err != nil {
		done, embedded = wire.Done{Failure: wire.FailureOf(err)}, nil
	}
	done.CPUMS = (cpu() - before).Milliseconds()
	return t.conn.Send(wire.KindDone, done, embedded)
}

func (t *talk) render(data []byte, req wire.Request) (*core.Facts, error) {
	task := Task{Data: data, Variants: make([]transform.Variant, 0, len(req.Variants)), Marks: t.marks.files, Facts: req.Facts}
	for _, v := range req.Variants {
		spec, err := t.known.parse(v.Transform)
		if err != nil {
			return nil, err
		}
		task.Variants = append(task.Variants, transform.Variant{Name: v.Name, Spec: spec})
	}
	return t.engine.Render(context.Background(), task, func(o Output) error {
		m := wire.Output{
			Name: o.Name, ContentType: o.ContentType, Ext: o.Ext,
			Width: o.Width, Height: o.Height, Pages: o.Pages, Warnings: o.Warnings,
		}
		if o.Err != nil {
			m.Failure, o.Body = wire.FailureOf(o.Err), nil
		}
		return t.conn.Send(wire.KindOutput, m, o.Body)
	})
}

// specs are transforms that were read before: nearly every request wants those of
// the default preset.
type specs map[string]transform.Spec

func (known specs) parse(text string) (transform.Spec, error) {
	const most = 64
	if spec, ok := known[text]; ok {
		return spec, nil
	}
	spec, err := transform.Parse(text)
	if err != nil {
		return spec, err
	}
	if len(known) == most {
		clear(known)
	}
	known[text] = spec
	return spec, nil
}
