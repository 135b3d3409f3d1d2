package records

import (
	"context"
	"slices"
	"strings"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
)

// busy is how long a sweep waits for a job of its image.
const busy = time.Minute

// Due returns the sweeps whose time has come.
func (s Housekeeping) Due(ctx context.Context, limit int) (sweeps []core.Sweep, err error) {
	err = s.write(ctx, func(t tx) error {
		for {
			rows, err := t.DueSweeps(ctx, int64(limit))
			if err != nil || len(rows) == 0 {
				return err
			}
			if sweeps, err = t.sparing(ctx, rows); err != nil || len(sweeps) > 0 {
				return err
			}
		}
	})
	return sweeps, err
}

// sparing returns the sweeps that may go on. A sweep that waits for something it
// must not delete comes from a restored database, or from somebody who asks for
// what was replaced.
func (t tx) sparing(ctx context.Context, rows []gen.DueSweepsRow) (sweeps []core.Sweep, err error) {
	var keys []string
	var images []core.ID
	for _, r := range rows {
		keys = append(keys, r.BlobKey)
		if id := imageOf(r.BlobKey); id != "" {
			images = append(images, id)
		}
	}
	needed, err := living(ctx, t, keys)
	if err != nil {
		return nil, err
	}
	working, err := t.BusyImages(ctx, among(images))
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		switch {
		case needed[r.BlobKey]:
			err = t.ForgetSweep(ctx, r.ID)
		case slices.Contains(working, imageOf(r.BlobKey)):
			err = t.PostponeSweep(ctx, gen.PostponeSweepParams{Wait: micros(busy), ID: r.ID})
		default:
			sweeps = append(sweeps, core.Sweep(r))
		}
		if err != nil {
			return nil, err
		}
	}
	return sweeps, nil
}

// imageOf is the image whose object, or whose folder of variants, a key names.
func imageOf(key string) core.ID {
	kind, rest, _ := strings.Cut(key, "/")
	id, _, _ := strings.Cut(rest, "/")
	if kind != "o" && kind != "v" {
		return ""
	}
	return core.ID(id)
}

// Swept forgets a sweep that is done.
func (s Housekeeping) Swept(ctx context.Context, w core.Sweep) error {
	return s.write(ctx, func(t tx) error { return t.ForgetSweep(ctx, w.ID) })
}

// Postpone puts off a sweep that failed.
func (s Housekeeping) Postpone(ctx context.Context, w core.Sweep, wait time.Duration) error {
	return s.write(ctx, func(t tx) error {
		return t.PostponeSweep(ctx, gen.PostponeSweepParams{Wait: micros(wait), ID: w.ID})
	})
}

// batch is how many keys one look asks for.
const batch = 1000

// Unknown returns those of keys that nothing needs and no sweep is waiting for.
func (s Housekeeping) Unknown(ctx context.Context, keys []string) (unknown []string, err error) {
	for some := range slices.Chunk(keys, batch) {
		err = s.Read(ctx, func(q gen.Querier) error {
			more, err := strangers(ctx, q, some)
			unknown = append(unknown, more...)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

// Mark plans a sweep of those of keys that are unknown.
func (s Housekeeping) Mark(ctx context.Context, keys []string, grace time.Duration) (marked int, err error) {
	for some := range slices.Chunk(keys, batch) {
		var unknown []string
		err = s.write(ctx, func(t tx) (err error) {
			if unknown, err = strangers(ctx, t, some); err != nil {
				return err
			}
			for _, key := range unknown {
				if _, err := t.PlanSweep(ctx, gen.PlanSweepParams{ID: t.db.NewID(), BlobKey: key, NotBefore: t.now.Add(grace)}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return marked, err
		}
		marked += len(unknown)
	}
	return marked, nil
}

// strangers are those of keys that nothing needs and no sweep is waiting for.
func strangers(ctx context.Context, q gen.Querier, keys []string) (unknown []string, err error) {
	known, err := living(ctx, q, keys)
	if err != nil {
		return nil, err
	}
	if err := waiting(ctx, q, keys, known); err != nil {
		return nil, err
	}
	for _, k := range keys {
		if !known[k] {
			unknown = append(unknown, k)
		}
	}
	return unknown, nil
}

// living are those of keys that living rows need: originals, variants, and the
// folders of images.
func living(ctx context.Context, q gen.Querier, keys []string) (map[string]bool, error) {
	needed := map[string]bool{}
	whole := map[core.ID]bool{} // whose key goes with the image itself
	for _, k := range keys {
		if id := imageOf(k); id != "" && (strings.HasPrefix(k, "o/") || strings.HasSuffix(k, "/")) {
			whole[id] = true
		}
	}
	var ids []core.ID
	for id := range whole {
		ids = append(ids, id)
	}
	images, err := q.LivingOriginals(ctx, among(ids))
	if err != nil {
		return nil, err
	}
	for _, id := range images {
		needed[core.Image{ID: id}.OriginalKey()], needed[folderOf(id)] = true, true
	}
	variants, err := q.LivingVariantKeys(ctx, among(keys))
	for _, k := range variants {
		needed[k] = true
	}
	return needed, err
}

// folderOf is what holds the variants of an image.
func folderOf(id core.ID) string { return "v/" + string(id) + "/" }

// waiting adds the keys that a sweep of them or of a folder above will delete.
func waiting(ctx context.Context, q gen.Querier, keys []string, known map[string]bool) error {
	under := map[string][]string{}
	for _, k := range keys {
		under[k] = append(under[k], k)
		for i := range k {
			if k[i] == '/' {
				under[k[:i+1]] = append(under[k[:i+1]], k)
			}
		}
	}
	var names []string
	for name := range under {
		names = append(names, name)
	}
	planned, err := q.PlannedSweepKeys(ctx, among(names))
	for _, p := range planned {
		for _, k := range under[p] {
			known[k] = true
		}
	}
	return err
}

// Waiting counts the sweeps there are, and those that are late.
func (s Housekeeping) Waiting(ctx context.Context, late time.Duration) (all, overdue int64, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		if all, err = q.CountSweeps(ctx); err != nil {
			return err
		}
		overdue, err = q.CountOverdueSweeps(ctx, micros(late))
		return err
	})
	return all, overdue, err
}
