package records

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/ports"
)

// blobs is the one store there is.
const blobs = "blobs"

// Generation returns the last meeting of the database and its store.
func (s Housekeeping) Generation(ctx context.Context) (g ports.Generation, age time.Duration, err error) {
	err = s.Read(ctx, func(q gen.Querier) error {
		row, err := q.Generation(ctx, blobs)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		g, age = ports.Generation{Current: row.Current, Previous: row.Previous}, time.Duration(row.Age)*time.Microsecond
		return err
	})
	return g, age, err
}

// Meet puts is in the place of was.
func (s Housekeeping) Meet(ctx context.Context, was, is ports.Generation) (met bool, err error) {
	err = s.write(ctx, func(t tx) error {
		var n int64
		if was == (ports.Generation{}) {
			n, err = t.FirstGeneration(ctx, gen.FirstGenerationParams{Store: blobs, Current: is.Current, Previous: is.Previous, Now: t.now})
		} else {
			n, err = t.NextGeneration(ctx, gen.NextGenerationParams{
				Current: is.Current, Previous: is.Previous, Now: t.now,
				Store: blobs, SeenCurrent: was.Current, SeenPrevious: was.Previous,
			})
		}
		met = n > 0
		return err
	})
	return met && err == nil, err
}
