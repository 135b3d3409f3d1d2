package worker

import (
	"context"
	"errors"
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
	marked := 0
	found := orphans{rows: h.Rows, before: time.Now().Add(-h.Age)}
	found.take = func(keys []string) error {
		if !h.leads() {
			return errNoLeader
		}
		n, err := h.Rows.Mark(ctx, keys, h.Grace)
		marked += n
		return err
	}
	err := found.walk(ctx, h.Blobs)
	if errors.Is(err, errNoLeader) {
		err = nil // whoever leads now begins anew
	}
	switch {
	case found.suspect():
		h.Log.ErrorContext(ctx, "more than a tenth of the store belongs to images that no row knows; they are marked, and swept after the grace: unless a backup was restored, look with imgd doctor before that",
			"strangers", found.strangers, "objects", found.total, "marked", marked, "grace", h.Grace.String())
	case marked > 0:
		h.Log.InfoContext(ctx, "orphans are marked; they are swept after the grace", "objects", marked, "grace", h.Grace.String())
	}
	return err
}

// errNoLeader ends a scan that is somebody else's by now.
var errNoLeader = errors.New("this worker no longer keeps house")

const (
	asked = 500 // keys at a time
	// fewStrangers may always be: a small store is soon a tenth unknown.
	fewStrangers = 100
)

// orphans are the objects of a store that no row knows and no sweep waits for.
type orphans struct {
	rows      ports.Sweeps
	before    time.Time            // younger ones may belong to an upload that is not yet recorded
	take      func([]string) error // takes them as they are found; nil to count them
	total     int                  // objects seen
	strangers int                  // orphans that belong to no image we know
	batch     []string
}

// walk looks at the whole store.
func (o *orphans) walk(ctx context.Context, blobs ports.Blobs) error {
	for e, err := range blobs.List(ctx, "") {
		if err != nil {
			return err
		}
		if strings.HasPrefix(e.Key, met) {
			continue
		}
		o.total++
		if e.Modified.After(o.before) {
			continue
		}
		if o.batch = append(o.batch, e.Key); len(o.batch) == asked {
			if err := o.ask(ctx); err != nil {
				return err
			}
		}
	}
	return o.ask(ctx)
}

// ask has the rows judge a batch.
func (o *orphans) ask(ctx context.Context) error {
	unknown, err := o.rows.Unknown(ctx, o.batch)
	o.batch = o.batch[:0]
	if err != nil || len(unknown) == 0 {
		return err
	}
	n, err := strangers(ctx, o.rows, unknown)
	o.strangers += n
	if err != nil || o.take == nil {
		return err
	}
	return o.take(unknown)
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

// suspect reports whether a large part of the store is strange.
func (o *orphans) suspect() bool {
	return o.strangers > fewStrangers && o.strangers*10 > o.total
}
