package worker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"imgd/core"
	"imgd/ports"
)

// compare looks for orphans when it is time to. The last generation tells when
// that was done, by whichever process.
func (h *Housekeeper) compare(ctx context.Context) {
	if !h.leads() {
		return
	}
	last, age, err := h.Rows.Generation(ctx)
	switch {
	case err != nil:
	case !h.looked || h.Apart() != nil || last == (ports.Generation{}):
		err = h.meet(ctx)
		h.looked = err == nil || errors.Is(err, errApart)
		err = quiet(err)
	case age >= h.Orphans:
		err = quiet(h.scan(ctx))
	}
	h.complain(ctx, "orphans could not be looked for", err)
}

// scan marks objects that no row knows, so that they go when the grace is over
// and nobody has needed them until then.
func (h *Housekeeper) scan(ctx context.Context) error {
	if err := h.meet(ctx); err != nil {
		return err
	}
	if err := h.meeting().Advance(ctx); err != nil {
		return err
	}
	if h.CleanStaging != nil {
		if _, err := h.CleanStaging(ctx, time.Now().Add(-h.Age)); err != nil {
			return err
		}
	}
	found := orphans{rows: h.Rows, before: time.Now().Add(-h.Age)}
	for e, err := range h.Blobs.List(ctx, "") {
		if err == nil {
			err = found.add(ctx, e)
		}
		if err != nil {
			return err
		}
		if !h.leads() {
			return nil // whoever leads now begins anew
		}
	}
	if err := found.ask(ctx); err != nil {
		return err
	}
	if found.suspect() {
		h.Log.ErrorContext(ctx, "more than a tenth of the store belongs to images that no row knows; nothing is marked until somebody has looked: see imgd doctor", "strangers", found.strangers, "objects", found.total)
		return nil
	}
	return h.mark(ctx, found.keys)
}

func (h *Housekeeper) mark(ctx context.Context, keys []string) error {
	marked := 0
	for some := range slices.Chunk(keys, asked) {
		if !h.leads() {
			return nil
		}
		n, err := h.Rows.Mark(ctx, some, h.Grace)
		if err != nil {
			return err
		}
		marked += n
	}
	if marked > 0 {
		h.Log.InfoContext(ctx, "orphans are marked; they are swept after the grace", "objects", marked, "grace", h.Grace.String())
	}
	return nil
}

const (
	asked       = 500    // keys at a time
	mostOrphans = 20_000 // that one scan marks; the next one goes on
	// fewStrangers may always be: a small store is soon a tenth unknown.
	fewStrangers = 100
)

// orphans are the objects of a store that no row knows and no sweep waits for.
type orphans struct {
	rows      ports.Sweeps
	before    time.Time // younger ones may belong to an upload that is not yet recorded
	total     int       // objects seen
	strangers int       // orphans that belong to no image we know
	keys      []string  // of orphans, so many as one scan marks
	batch     []string
}

// add takes the next object of the store.
func (o *orphans) add(ctx context.Context, e ports.Entry) error {
	if strings.HasPrefix(e.Key, met) {
		return nil
	}
	o.total++
	if e.Modified.After(o.before) {
		return nil
	}
	if o.batch = append(o.batch, e.Key); len(o.batch) < asked {
		return nil
	}
	return o.ask(ctx)
}

// ask has the rows judge what was taken.
func (o *orphans) ask(ctx context.Context) error {
	unknown, err := o.rows.Unknown(ctx, o.batch)
	o.batch = o.batch[:0]
	if err != nil || len(unknown) == 0 {
		return err
	}
	if len(o.keys) < mostOrphans {
		o.keys = append(o.keys, unknown...)
	}
	n, err := strangers(ctx, o.rows, unknown)
	o.strangers += n
	return err
}

// strangers counts orphans that are not just older variants of an image we know.
func strangers(ctx context.Context, rows ports.Sweeps, orphans []string) (n int, err error) {
	of := map[string]int{} // by the key of the original
	for _, key := range orphans {
		id, ofImage := strings.CutPrefix(key, "v/")
		id, _, _ = strings.Cut(id, "/")
		if original := (core.Image{ID: core.ID(id)}).OriginalKey(); ofImage {
			of[original]++
		} else {
			n++
		}
	}
	var originals []string
	for key := range of {
		originals = append(originals, key)
	}
	unknown, err := rows.Unknown(ctx, originals)
	for _, key := range unknown {
		n += of[key]
	}
	return n, err
}

// suspect reports whether a large part of the store is strange: it may belong to
// another database, whatever its generation says.
func (o *orphans) suspect() bool {
	return o.strangers > fewStrangers && o.strangers*10 > o.total
}
