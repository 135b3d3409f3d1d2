package engine

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"imgd/adapters/vips/structure"
	"imgd/core"
	"imgd/core/transform"
)

// Output is one rendered variant, or why there is none.
type Output struct {
	Name, ContentType, Ext string
	Width, Height, Pages   int64
	Body                   []byte // valid until emit returns
	Warnings               core.Warnings
	Err                    error
}

// Render decodes a file once, or twice where a small rendition is out sooner for
// it, and emits each variant as soon as it is encoded, by one goroutine at a time.
// An error of emit ends it and comes back unchanged. facts says whether facts are
// wanted too.
func Render(ctx context.Context, data []byte, variants []transform.Variant, facts bool, emit func(Output) error) (*core.Facts, error) {
	src, err := open(data)
	if err != nil {
		return nil, err
	}
	defer src.close()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	out := &outlet{emit: emit, stop: stop}
	a := &arrangement{src: src}
	orders := a.take(variants, out)
	var look *rendition
	if facts {
		look = a.add(shape{Plan: square(factSide).Target(src.upright(src.width, src.height))})
	}
	a.link()
	defer a.free()
	return a.run(ctx, orders, look, out)
}

// square is the box that facts are taken in.
func square(side int) transform.Spec {
	s := transform.Default()
	s.W, s.H = side, side
	return s
}

// outlet hands over what is ready, one at a time, until somebody has had enough.
type outlet struct {
	emit func(Output) error
	stop context.CancelCauseFunc
	mu   sync.Mutex
	err  error
}

func (o *outlet) put(out Output) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	if o.err = o.emit(out); o.err != nil {
		o.stop(o.err)
	}
}

// take makes an order of each variant that can be drawn; the others are told so
// at once.
func (a *arrangement) take(variants []transform.Variant, out *outlet) []*order {
	var orders []*order
	for _, v := range variants {
		o, s, err := a.order(v)
		if err != nil {
			out.put(Output{Name: v.Name, Err: err})
			continue
		}
		o.rendition = a.add(s)
		o.rendition.orders++
		orders = append(orders, o)
	}
	return orders
}

// order says what a variant comes to with this file.
func (a *arrangement) order(v transform.Variant) (*order, shape, error) {
	if err := transform.Unsupported(v.Spec, Can); err != nil {
		return nil, shape{}, err
	}
	spec := v.Spec.Scaled()
	if !slices.Contains(writable(), string(spec.Fmt)) {
		return nil, shape{}, core.TransformUnsupported.Errorf("this build does not write %s", spec.Fmt).With("key", "fmt")
	}
	o := &order{name: v.Name, spec: spec}
	if int64(spec.Page) >= a.src.probe.Pages {
		return nil, shape{}, core.InvalidTransform.Errorf("there is no page %d; the file has %d, counted from 0", spec.Page, a.src.probe.Pages).
			With("key", "page").With("limit", a.src.probe.Pages-1).With("actual", spec.Page)
	}
	s := shape{
		frame: frame{page: spec.Page}, Plan: spec.Target(a.src.upright(a.src.width, a.src.height)),
		bg: spec.BG, rot: int(spec.Rot) / 90, flip: spec.Flip,
	}
	moves := spec.Fmt == transform.WebP || spec.Fmt == transform.GIF
	if spec.Anim && spec.Page == 0 && a.src.frames > 1 && moves {
		s.all = true
	}
	if err := a.fit(o, &s); err != nil {
		return nil, shape{}, err
	}
	s.opaque = a.src.probe.HasAlpha && !o.spec.Fmt.Alpha()
	return o, s, nil
}

// maxSideJPEG is what libjpeg holds, somewhat less than the format.
const maxSideJPEG = 65500

// fit keeps a rendition within the pixel limit, and has what its format cannot
// hold written as JPEG.
func (a *arrangement) fit(o *order, s *shape) error {
	frames := int64(1)
	if s.all {
		frames = int64(a.src.frames)
	}
	for _, pixels := range []int64{int64(s.ResizeW) * int64(s.ResizeH), int64(s.Width) * int64(s.Height)} {
		if limit := current.Limits.Pixels; over(pixels*frames, limit) {
			return core.InvalidTransform.Errorf("this comes to %d pixels, of which there may be %d; ask for a smaller size", pixels*frames, limit).
				With("limit", limit).With("actual", pixels*frames)
		}
	}
	holds := func(f transform.Format) int {
		if f == transform.JPEG {
			return maxSideJPEG
		}
		return f.MaxSide()
	}
	side, was := max(s.Width, s.Height), o.spec.Fmt
	if side <= holds(was) {
		return nil
	}
	if side > maxSideJPEG {
		return core.InvalidTransform.Errorf("a side of %d pixels is more than any format here holds; ask for a smaller size", side).
			With("limit", maxSideJPEG).With("actual", side)
	}
	o.spec.Fmt, o.spec.Lossless, s.all = transform.JPEG, false, false
	o.warnings = append(o.warnings, core.Warning{
		Slug:   "format-fallback",
		Detail: "a side of this size is more than " + string(was) + " holds; it is a JPEG instead",
	})
	return nil
}

// encoders is how many renditions are encoded at once, beside the drawing.
const encoders = 2

// run draws pass by pass, the quickest first, and encodes beside it.
func (a *arrangement) run(ctx context.Context, orders []*order, look *rendition, out *outlet) (*core.Facts, error) {
	work := make(chan *order, len(orders))
	var busy sync.WaitGroup
	for range min(encoders, len(orders)) {
		busy.Go(func() { a.encodeAll(ctx, work, out) })
	}
	facts, err := a.drawAll(ctx, orders, look, work)
	close(work)
	busy.Wait()
	switch {
	case out.err != nil:
		return facts, out.err
	case err != nil:
		return facts, err
	}
	return facts, context.Cause(ctx)
}

// drawAll draws every rendition and puts its orders to work.
func (a *arrangement) drawAll(ctx context.Context, orders []*order, look *rendition, work chan<- *order) (facts *core.Facts, err error) {
	slices.Reverse(a.passes) // one in a hurry was added last
	for _, p := range a.passes {
		drawn, err := a.drawPass(ctx, p)
		if err != nil {
			return facts, err
		}
		slices.SortStableFunc(drawn, func(x, y *rendition) int { return cmp.Compare(x.area(), y.area()) })
		for _, r := range drawn { // the smallest first
			if r == look {
				if facts, err = factsOf(r.frames[0]); err != nil {
					return facts, err
				}
				a.release(r)
			}
			for _, o := range orders {
				if o.rendition == r {
					work <- o
				}
			}
		}
	}
	return facts, nil
}

// drawPass draws what comes from one decode: the largest, then what is made of it.
func (a *arrangement) drawPass(ctx context.Context, p *pass) (drawn []*rendition, err error) {
	for _, r := range a.renditions {
		if r.origin() != p {
			continue
		}
		if err := a.draw(ctx, r); err != nil {
			return nil, err
		}
		drawn = append(drawn, r)
	}
	return drawn, nil
}

// origin is the pass a rendition comes from in the end.
func (r *rendition) origin() *pass {
	for r.from != nil {
		r = r.from
	}
	return r.pass
}

// encoded reports whether a variant is written from it.
func (r *rendition) encoded() bool { return r.orders > 0 }

// encodeAll writes orders until there are no more. libvips keeps things for each
// thread that it is told to drop.
func (a *arrangement) encodeAll(ctx context.Context, work <-chan *order, out *outlet) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer threadEnds()
	for o := range work {
		if ctx.Err() == nil {
			a.encodeOne(o, out)
		}
		a.release(o.rendition)
	}
}

func (a *arrangement) encodeOne(o *order, out *outlet) {
	r := o.rendition
	result := Output{Name: o.name, ContentType: o.spec.ContentType(), Ext: o.spec.Ext(), Pages: int64(len(r.frames)), Warnings: o.warnings}
	w, h := r.size()
	result.Width, result.Height = int64(w), int64(h)
	file, err := encode(o.spec, r.frames, a.src.animation)
	if err != nil {
		out.put(Output{Name: o.name, Err: unwritten(o.spec.Fmt, err)})
		return
	}
	defer file.free()
	result.Body = file.bytes()
	out.put(result)
}

// unwritten is why an encoder failed: for want of memory, or by our mistake.
func unwritten(f transform.Format, err error) error {
	e := explain(structure.Format(f), err)
	if core.SlugOf(e) == core.ImageTooComplex {
		return e
	}
	return errors.Join(errors.New("writing "+string(f)), err)
}

// release lets go of a rendition for one of those who waited for it.
func (a *arrangement) release(r *rendition) {
	a.mu.Lock()
	defer a.mu.Unlock()
	r.release()
}

// free drops what an error has left behind.
func (a *arrangement) free() {
	for _, r := range a.renditions {
		freeAll(r.frames)
		r.frames = nil
	}
	for _, p := range a.passes {
		freeAll(p.base)
		p.base = nil
	}
}
