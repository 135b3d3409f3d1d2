package records

import (
	"context"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/ports"
)

// Housekeeping is what one worker does for all.
type Housekeeping struct{ *DB }

var _ ports.Housekeeping = Housekeeping{}

// Lead takes or keeps a duty.
func (s Housekeeping) Lead(ctx context.Context, duty, holder string, ttl time.Duration) (leads bool, err error) {
	err = s.write(ctx, func(t tx) error {
		n, err := t.TakeDuty(ctx, gen.TakeDutyParams{Name: duty, Holder: holder, Ttl: micros(ttl)})
		leads = n > 0
		return err
	})
	return leads && err == nil, err
}
