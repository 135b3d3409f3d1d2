package ports

import (
	"context"

	"imgd/core"
)

// Limits says who asks too often. The rate is kept exactly, however many ask at
// once and in however many processes share it: a caller who has rested may take
// the burst, and from then on one more each time Per/Limit has passed.
type Limits interface {
	// Take takes n from what key is allowed, or nothing. Refusal is an answer, not
	// an error. More than ever fits is Invalid. Of Unavailable it is not known
	// whether the n were taken. Forgetting a key, which only a full or emptied
	// store does, gives it its whole burst again.
	Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error)
}
