package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Doctor compares a database with its store. It holds no more than a page of
// either at a time.
type Doctor struct {
	Rows  ports.Housekeeping
	Blobs ports.Blobs
	NewID func() core.ID
	// Unfinished counts what the store has half-written since before then; nil where
	// it has no such thing.
	Unfinished func(ctx context.Context, before time.Time) (int, error)
	// CleanStaging removes it; nil where there is no such thing.
	CleanStaging func(ctx context.Context, before time.Time) (int, error)

	Age     time.Duration // younger objects may belong to an upload that is not yet recorded
	Digests bool          // whether every object is read
}

// Findings are what the doctor has seen.
type Findings struct {
	Objects    int64   `json:"objects"`    // in the store
	Bytes      int64   `json:"bytes"`      // of them
	Needed     int64   `json:"needed"`     // objects that living rows need
	Young      int64   `json:"young"`      // objects too young to be orphans
	Waiting    int64   `json:"waiting"`    // sweeps whose time has yet to come, or just has
	Orphans    Finding `json:"orphans"`    // objects that no row knows and no sweep waits for
	Missing    Finding `json:"missing"`    // objects that living rows need and the store has not
	Damaged    Finding `json:"damaged"`    // objects that are not as their rows describe them
	Overdue    int64   `json:"overdue"`    // sweeps that should have been done
	Unfinished int     `json:"unfinished"` // uploads that have been half-written for long
	Met        bool    `json:"met"`        // whether the database and the store have met at all
	Generation string  `json:"generation"` // why the database and the store do not belong together, or empty
}

// Finding is one kind of damage, with a few examples.
type Finding struct {
	Count    int64    `json:"count"`
	Bytes    int64    `json:"bytes"`
	Examples []string `json:"examples"`
}

// shown is how many examples of a kind are kept.
const shown = 20

func (f *Finding) note(key string, bytes int64) {
	f.Count, f.Bytes = f.Count+1, f.Bytes+bytes
	if len(f.Examples) < shown {
		f.Examples = append(f.Examples, key)
	}
}

// Wrong reports whether anything is.
func (f Findings) Wrong() bool {
	return f.Orphans.Count+f.Missing.Count+f.Damaged.Count+f.Overdue > 0 || f.Unfinished > 0 || f.Generation != ""
}

// lateSweep is how long after its time a sweep is overdue.
const lateSweep = time.Hour

// Examine compares, and changes nothing.
func (d Doctor) Examine(ctx context.Context) (f Findings, err error) {
	f.Orphans.Examples, f.Missing.Examples, f.Damaged.Examples = []string{}, []string{}, []string{}
	if err := d.generation(ctx, &f); err != nil {
		return f, err
	}
	all, overdue, err := d.Rows.Waiting(ctx, lateSweep)
	if err != nil {
		return f, err
	}
	f.Waiting, f.Overdue = all-overdue, overdue
	before := time.Now().Add(-d.Age)
	if d.Unfinished != nil {
		if f.Unfinished, err = d.Unfinished(ctx, before); err != nil {
			return f, err
		}
	}
	return f, (&exam{Doctor: d, found: &f, before: before}).run(ctx)
}

func (d Doctor) generation(ctx context.Context, f *Findings) error {
	m := d.meeting()
	row, there, err := m.look(ctx)
	if err != nil {
		return err
	}
	if strange(row, there) != nil { // somebody may have begun the next in between
		if row, there, err = m.look(ctx); err != nil {
			return err
		}
	}
	f.Met = row != ports.Generation{} && len(there) > 0
	if e, ok := errors.AsType[*core.Error](strange(row, there)); ok {
		f.Generation = e.Detail
	}
	return nil
}

func (d Doctor) meeting() Meeting { return Meeting{Rows: d.Rows, Blobs: d.Blobs, NewID: d.NewID} }

// Accept has a database and a store that do not belong together meet anew.
func (d Doctor) Accept(ctx context.Context) error { return d.meeting().Accept(ctx) }

// Remove deletes the orphans at once, unless somebody needs them by now.
func (d Doctor) Remove(ctx context.Context) (removed int, err error) {
	if err := d.meeting().Ensure(ctx); err != nil {
		return 0, err
	}
	before := time.Now().Add(-d.Age)
	var keys []string
	mark := func() error {
		n, err := d.Rows.Mark(ctx, keys, 0)
		removed, keys = removed+n, keys[:0]
		return err
	}
	for e, err := range d.Blobs.List(ctx, "") {
		if err != nil {
			return removed, err
		}
		if strings.HasPrefix(e.Key, met) || e.Modified.After(before) {
			continue
		}
		if keys = append(keys, e.Key); len(keys) == asked {
			if err := mark(); err != nil {
				return removed, err
			}
		}
	}
	if err := mark(); err != nil {
		return removed, err
	}
	return removed, d.sweep(ctx)
}

// Discard removes at once what the next scan would: uploads that nobody goes on with.
func (d Doctor) Discard(ctx context.Context) (removed int, err error) {
	if d.CleanStaging == nil {
		return 0, nil
	}
	if err := d.meeting().Ensure(ctx); err != nil {
		return 0, err
	}
	return d.CleanStaging(ctx, time.Now().Add(-d.Age))
}

// sweep deletes what is due, as a housekeeper would.
func (d Doctor) sweep(ctx context.Context) error {
	var refused error
	s := sweeper{rows: d.Rows, blobs: d.Blobs, meet: d.meeting().Ensure, refused: func(_ context.Context, err error) { refused = err }}
	for {
		more, err := s.some(ctx)
		if err == nil {
			err = refused
		}
		if err != nil || !more {
			return err
		}
	}
}
