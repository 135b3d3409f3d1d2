package vips

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"imgd/adapters/vips/structure"
	"imgd/adapters/vips/weight"
	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// Check refuses what Config.Can denies.
func (p *Pool) Check(spec transform.Spec) error {
	if p.cfg.Can == nil {
		return nil
	}
	return transform.Unsupported(spec, p.cfg.Can)
}

// Fits holds what one child is predicted to need against what it may have. Of images
// that came before such a prediction was kept nothing is said.
func (p *Pool) Fits(of core.Probe, list []transform.Variant) error {
	if of.MemoryBytes == 0 || p.cfg.Limits.MemoryBytes == 0 {
		return nil
	}
	limit, need := weight.Whole(p.cfg.Limits.MemoryBytes), weight.Hold(of, list)
	if need <= limit {
		return nil
	}
	w, h := weight.Fitting(of, list, limit)
	advice := "ask for smaller variants"
	if w > 0 {
		advice = fmt.Sprintf("at %d x %d pixels it would fit, or ask for smaller variants", w, h)
	}
	return core.ImageTooComplex.Errorf("making this of an image of %d x %d pixels is predicted to take %d bytes of memory, of which a decoder has %d (IMGD_DECODER_MEMORY and 256 MiB); %s",
		of.Width, of.Height, need, limit, advice).
		With("limit", limit).With("actual", need).With("setting", "IMGD_DECODER_MEMORY").With("fits_width", w).With("fits_height", h)
}

// Probe lets a child judge the file. It reads headers and decodes nothing: it needs
// no part of the budget, and does not wait for those who do.
func (p *Pool) Probe(ctx context.Context, f *os.File, bytes int64) (core.Probe, error) {
	q, err := ask(wire.Request{Op: wire.OpProbe}, f, bytes)
	if err != nil {
		return core.Probe{}, err
	}
	defer q.close()
	var found core.Probe
	err = p.call(ctx, p.cfg.ProbeTimeout, func(d *decoder) error {
		done, err := d.converse(q, audit{limits: p.cfg.Limits, op: wire.OpProbe}, nil)
		if err == nil {
			found = *done.Probe
		}
		return err
	})
	return found, err
}

// Render lets a child decode the file and checks what comes back. It goes on in
// the caller's goroutine: while emit takes its time the child waits, and the
// deadline does not.
func (p *Pool) Render(ctx context.Context, t ports.Task, emit func(ports.Rendition) error) (ports.Report, error) {
	req := wire.Request{Op: wire.OpRender, Facts: t.Facts}
	for _, v := range t.Variants {
		req.Variants = append(req.Variants, wire.Variant{Name: v.Name, Transform: v.Spec.String()})
	}
	q, err := ask(req, t.Source, t.Bytes, t.Marks...)
	if err != nil {
		return ports.Report{}, err
	}
	defer q.close()
	over, err := p.admit(ctx, t)
	if err != nil {
		return ports.Report{}, err
	}
	defer over()
	var report ports.Report
	err = p.call(ctx, p.deadline(t), func(d *decoder) error {
		done, err := d.converse(q, newAudit(t, p.cfg.Limits, p.cfg.KeepGPS), emit)
		report = ports.Report{Facts: done.Facts, CPUMS: done.CPUMS}
		return err
	})
	return report, err
}

// deadline is how long a render may take. An SVG is drawn anew for each variant, and a
// small one can ask for a lot of drawing.
func (p *Pool) deadline(t ports.Task) time.Duration {
	if t.Probe.ContentType != structure.SVG.ContentType() {
		return p.cfg.RenderTimeout
	}
	return min(p.cfg.RenderTimeout, p.cfg.SVGTimeout*time.Duration(max(1, len(t.Variants))))
}

// verdict is the child's own answer that it cannot or will not. It has not
// spoiled the child unless it came halfway through the pixels.
type verdict struct {
	error
	spoiled bool
}

func (v verdict) Unwrap() error { return v.error }

// stopped is an error of the caller's emit.
type stopped struct{ error }

func (s stopped) Unwrap() error { return s.error }

// errSpoiled says that all is well but for the child.
var errSpoiled = errors.New("a variant failed")

// errUnbegun says that the child was gone before it had the question.
var errUnbegun = errors.New("the decoder had died before")

// call lends a child to talk. One that turns out to have died while it was idle
// is nothing the file has done: another one is tried.
func (p *Pool) call(ctx context.Context, timeout time.Duration, talk func(*decoder) error) error {
	err := p.lend(ctx, timeout, talk)
	for range p.cfg.Children + 1 {
		if !errors.Is(err, errUnbegun) {
			break
		}
		err = p.lend(ctx, timeout, talk)
	}
	return err
}

// lend lends a child for no longer than timeout and ctx allow, and decides what
// becomes of it and of what talk came back with.
func (p *Pool) lend(ctx context.Context, timeout time.Duration, talk func(*decoder) error) error {
	d, err := p.take(ctx)
	if err != nil {
		return err
	}
	defer d.drop()
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, core.DecoderOverran.Errorf("decoding took more than %v and was stopped", timeout))
	defer cancel()
	unwatch := context.AfterFunc(ctx, func() {
		if core.SlugOf(context.Cause(ctx)) == core.DecoderOverran {
			d.kill(overran)
		} else {
			d.kill(cancelled)
		}
	})
	err = talk(d)
	watched := unwatch()
	err = p.settle(ctx, d, err)
	if watched {
		p.giveBack(d)
	}
	return err
}

// settle kills a child that is of no more use, and turns what talk came back with
// into what the caller gets.
func (p *Pool) settle(ctx context.Context, d *decoder, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errSpoiled) {
		d.kill(spoiled)
		return nil
	}
	if v, ok := errors.AsType[verdict](err); ok {
		if v.spoiled {
			d.kill(spoiled)
		}
		return v.error
	}
	if s, ok := errors.AsType[stopped](err); ok {
		d.kill(cancelled)
		return s.error
	}
	if cause := context.Cause(ctx); cause != nil {
		d.kill(cancelled) // or whatever killed it already
		return cause
	}
	if d.why() == closed {
		return context.Cause(p.closing)
	}
	return explain(d, err)
}

// explain classifies what went wrong between the pool and a child.
func explain(d *decoder, err error) error {
	if errors.Is(err, wire.ErrBroken) {
		d.kill(lied)
		return core.Internal.Errorf("the decoder gave an answer that cannot be true").Because(err)
	}
	d.kill(crashed) // most likely it is dying already, and has its status from that
	cause := d.autopsy()
	if errors.Is(err, errUnbegun) {
		cause = fmt.Errorf("%w: %w", errUnbegun, cause)
	}
	return core.DecoderCrashed.Errorf("the process that decoded the image died").Because(cause)
}

// giveBack ends the loan.
func (p *Pool) giveBack(d *decoder) {
	if d.why() != alive {
		return
	}
	select {
	case <-d.gone:
		return
	default:
	}
	if d.worn(p.cfg) {
		d.kill(recycled)
		return
	}
	p.recovered()
	p.put(d)
}

// recovered forgets about children that did not come up: one that works is there.
func (p *Pool) recovered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.notBefore = 0, time.Time{}
}

// converse puts the question and hears the answer out, each part checked before
// it is believed.
func (d *decoder) converse(q *question, a audit, emit func(ports.Rendition) error) (wire.Done, error) {
	if err := d.begin(q); err != nil {
		return wire.Done{}, err
	}
	d.count(q.op)
	began, hurt := time.Now(), false
	for {
		f, err := d.conn.Receive()
		if err != nil {
			return wire.Done{}, err
		}
		switch f.Kind {
		case wire.KindOutput:
			failed, err := hand(f, a, emit)
			if err != nil {
				return wire.Done{}, err
			}
			hurt = hurt || failed
		case wire.KindDone:
			done, err := a.done(f, time.Since(began), hurt)
			d.cpu += time.Duration(done.CPUMS) * time.Millisecond
			return done, err
		default:
			return wire.Done{}, errors.Join(wire.Broken("an answer is of kind %d", f.Kind), f.Close())
		}
	}
}

// begin puts the question and waits until it has arrived.
func (d *decoder) begin(q *question) error {
	if err := q.send(d.conn); err != nil {
		return fmt.Errorf("%w: %w", errUnbegun, err)
	}
	f, err := d.conn.Receive()
	if errors.Is(err, wire.ErrBroken) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errUnbegun, err)
	}
	defer f.Close() //nolint:errcheck // nothing was written through it
	if f.Kind != wire.KindBegun || f.Size != 0 {
		return wire.Broken("an answer begins with a frame of kind %d and %d bytes", f.Kind, f.Size)
	}
	return nil
}

// hand gives one output to the caller and says whether it tells of a failure that
// may have hurt the child.
func hand(f wire.Frame, a audit, emit func(ports.Rendition) error) (hurt bool, err error) {
	defer f.Close() //nolint:errcheck // nothing was written through it
	r, err := a.output(f)
	if err != nil {
		return false, err
	}
	if err := emit(r); err != nil {
		return false, stopped{err}
	}
	return r.Err != nil && spoils(r.Err), nil
}

// spoils reports whether a failure came from the middle of the work.
func spoils(err error) bool {
	return !slices.Contains([]core.Kind{core.Invalid, core.Unsupported, core.TooLarge}, core.KindOf(err))
}
