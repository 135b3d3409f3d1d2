package engine

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"imgd/core"
	"imgd/core/transform"
)

// Task is what a render is to make, of which bytes.
type Task struct {
	Data     []byte
	Variants []transform.Variant
	Marks    map[core.ID][]byte // the files of watermarks
	Facts    bool               // whether facts are wanted too
}

// Output is one rendered variant, or why there is none.
type Output struct {
	Name, ContentType, Ext string
	Width, Height, Pages   int64
	Body                   []byte // valid until emit returns
	Warnings               core.Warnings
	Err                    error
}

// Render decodes a file once and emits each variant as soon as it is encoded, in
// general the smallest first. emit is called by one goroutine at a time; its error
// ends the work and comes back unchanged. A file that cannot be decoded is the
// error of Render, what concerns one variant is that of its output.
func Render(ctx context.Context, t Task, emit func(Output) error) (*core.Facts, error) {
	src, err := open(t.Data, t.Facts)
	if err != nil {
		return nil, err
	}
	defer src.close()
	w := &work{marks: marks{files: t.Marks}, emit: emit}
	w.first = w.hold.page(src, &w.marks)
	w.pages = map[int]*arrangement{0: w.first}
	defer w.close()
	for _, v := range t.Variants {
		if err := w.take(ctx, v); err != nil {
			return nil, err
		}
	}
	if t.Facts {
		w.facts = w.first.add(src.miniature())
	}
	if !w.hold.fits(0) { // what was trimmed by, beside what is to be drawn
		w.hold.release()
	}
	for _, a := range w.hold.keepers {
		a.link()
	}
	return w.do(ctx)
}

// work is one Render.
type work struct {
	first  *arrangement // of page 0
	pages  map[int]*arrangement
	marks  marks
	hold   hold
	orders []order
	facts  *rendition // nil when they are not wanted

	speaking sync.Mutex
	emit     func(Output) error
	deaf     error // what emit answered when it had enough
}

func (w *work) close() {
	for _, a := range w.pages {
		a.close()
	}
	w.marks.close()
}

// take accepts a variant, or emits why not.
func (w *work) take(ctx context.Context, v transform.Variant) error {
	page, err := w.page(v.Spec.Page)
	if err != nil {
		return w.say(Output{Name: v.Name, Err: err})
	}
	o, to, err := page.order(ctx, v)
	if err == nil {
		err = w.marks.draw(ctx, to)
	}
	if err != nil && (ctx.Err() != nil || page == w.first && page.broken != nil) {
		return err // of the work, or of the file
	}
	if err != nil {
		return w.say(Output{Name: v.Name, Err: err})
	}
	o.on, o.rendition = page, page.add(to)
	o.rendition.ordered = true
	if i := slices.IndexFunc(w.orders, o.like); i >= 0 {
		w.orders[i].names = append(w.orders[i].names, v.Name)
		page.let(o.rendition)
		return nil
	}
	w.orders = append(w.orders, o)
	return nil
}

// page opens a page once.
func (w *work) page(n int) (*arrangement, error) {
	if a := w.pages[n]; a != nil {
		return a, nil
	}
	src, err := w.first.src.at(n)
	if err != nil {
		return nil, err
	}
	w.pages[n] = w.hold.page(src, &w.marks)
	return w.pages[n], nil
}

// do draws in this goroutine, the smallest first.
func (w *work) do(ctx context.Context) (*core.Facts, error) {
	slices.SortStableFunc(w.orders, func(a, b order) int {
		return cmp.Compare(a.rendition.Width*a.rendition.Height, b.rendition.Width*b.rendition.Height)
	})
	hand, wait := w.encoders(ctx)
	facts, err := w.draw(ctx, hand)
	wait()
	switch {
	case w.deaf != nil:
		return nil, w.deaf
	case err != nil:
		return nil, err
	}
	return facts, context.Cause(ctx)
}

// encoders returns what takes an order that is drawn, and what waits for all of
// them. They encode beside the drawing: at most two at once, since the other cores
// are for other decoders. Little is drawn ahead of them, so that little is in
// memory. A single order has nothing to be beside of, and what is slight is encoded
// sooner than it has gone from thread to thread.
func (w *work) encoders(ctx context.Context) (hand func(order), wait func()) {
	if len(w.orders) < 2 || w.slight() {
		return func(o order) { w.complete(ctx, o) }, func() {}
	}
	drawn := make(chan order)
	var encoders sync.WaitGroup
	for range min(2, runtime.GOMAXPROCS(0), len(w.orders)) {
		encoders.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			defer threadEnds()
			for o := range drawn {
				w.complete(ctx, o)
			}
		})
	}
	return func(o order) { drawn <- o }, func() { close(drawn); encoders.Wait() }
}

// slight reports whether all there is to encode takes less than two threads that
// take turns at it. AVIF is never slight.
func (w *work) slight() bool {
	const most = 128 * 256 // pixels
	pixels := 0
	for _, o := range w.orders {
		width, height := o.rendition.size()
		frames := 1
		if o.rendition.all {
			frames = o.on.src.frames
		}
		if pixels += width * height * frames; pixels > most || o.spec.Fmt == transform.AVIF || o.spec.Fmt == transform.Auto {
			return false
		}
	}
	return true
}

// draw draws what was ordered, then what facts are taken from.
func (w *work) draw(ctx context.Context, hand func(order)) (*core.Facts, error) {
	for _, o := range w.orders {
		if err := w.heard(); err != nil {
			return nil, err
		}
		err := o.on.ready(ctx, o.rendition)
		switch {
		case err == nil:
			hand(o)
		case o.on == w.first || ctx.Err() != nil:
			return nil, err
		default: // the page is at fault, not the file
			o.on.let(o.rendition)
			err = w.fail(o, err)
		}
		if err != nil {
			return nil, err
		}
	}
	if w.facts == nil {
		return nil, nil
	}
	if err := w.first.ready(ctx, w.facts); err != nil {
		return nil, err
	}
	return w.first.src.factsOf(w.facts.frames[0])
}

// complete finishes what is drawn, unless nobody wants it any more, and lets go of
// it.
func (w *work) complete(ctx context.Context, o order) {
	if ctx.Err() == nil && w.heard() == nil {
		_ = w.finish(o) // the goroutine that draws hears of it
	}
	o.on.let(o.rendition)
}

// finish encodes an order and emits it under each of its names.
func (w *work) finish(o order) error {
	frames := o.rendition.frames
	body, err := o.encode(frames)
	if err != nil {
		return w.fail(o, ours("encode as "+string(o.spec.Fmt), err))
	}
	defer body.free()
	out := Output{
		ContentType: body.format.ContentType(), Ext: body.format.Ext(),
		Width: int64(frames[0].width()), Height: int64(frames[0].height()), Pages: int64(body.frames),
		Body: body.bytes(),
	}
	if body.exceeds {
		o.warn("maxbytes-exceeded", fmt.Sprintf("no quality makes a file of %d bytes; the smallest has %d", o.spec.MaxBytes, body.size()))
	}
	for _, out.Name = range o.names {
		out.Warnings = nil
		for _, v := range o.warnings {
			out.Warnings = append(out.Warnings, core.Warning{Slug: v.slug, Detail: v.detail, Variant: out.Name})
		}
		if err := w.say(out); err != nil {
			return err
		}
	}
	return nil
}

// fail tells every variant of an order why there is none.
func (w *work) fail(o order, err error) error {
	for _, name := range o.names {
		if err := w.say(Output{Name: name, Err: err}); err != nil {
			return err
		}
	}
	return nil
}

// say emits, unless the other side has had enough already.
func (w *work) say(o Output) error {
	w.speaking.Lock()
	defer w.speaking.Unlock()
	if w.deaf == nil {
		w.deaf = w.emit(o)
	}
	return w.deaf
}

// heard is the error of emit, if there was one.
func (w *work) heard() error {
	w.speaking.Lock()
	defer w.speaking.Unlock()
	return w.deaf
}
