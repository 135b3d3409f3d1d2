package records

import (
	"context"
	"iter"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Needed yields every object that a living row needs. No transaction is open
// between two pages.
func (s Housekeeping) Needed(ctx context.Context) iter.Seq2[ports.Need, error] {
	return func(yield func(ports.Need, error) bool) {
		for _, page := range []func(context.Context, ports.Need) ([]ports.Need, error){s.originals, s.variants} {
			var last ports.Need
			for more := true; more; {
				needs, err := page(ctx, last)
				if err != nil {
					yield(ports.Need{}, err)
					return
				}
				for _, n := range needs {
					if !yield(n, nil) {
						return
					}
					last = n
				}
				more = len(needs) == batch
			}
		}
	}
}

func (s Housekeeping) originals(ctx context.Context, after ports.Need) (needs []ports.Need, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rows, err := q.OriginalObjects(ctx, gen.OriginalObjectsParams{AfterImage: after.Image, MaxRows: batch})
		for _, r := range rows {
			needs = append(needs, ports.Need{Image: r.ID, Key: core.Image{ID: r.ID}.OriginalKey(), Bytes: r.Bytes, SHA256: r.SHA256})
		}
		return err
	})
	return needs, err
}

func (s Housekeeping) variants(ctx context.Context, after ports.Need) (needs []ports.Need, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		rows, err := q.VariantObjects(ctx, gen.VariantObjectsParams{FromImage: after.Image, AfterName: after.Variant, MaxRows: batch})
		for _, r := range rows {
			needs = append(needs, ports.Need{Image: r.ImageID, Variant: r.Name, Key: r.BlobKey, Bytes: r.Bytes, SHA256: r.SHA256})
		}
		return err
	})
	return needs, err
}
