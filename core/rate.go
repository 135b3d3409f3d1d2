package core

import (
	"fmt"
	"time"
)

// Rate is how much is allowed to one caller: Limit in every Per on average, and
// up to Burst at once.
type Rate struct {
	Limit int
	Per   time.Duration
	Burst int // 0 means Limit
}

// AtOnce is how much a caller who has rested may take in one go.
func (r Rate) AtOnce() int {
	if r.Burst == 0 {
		return r.Limit
	}
	return r.Burst
}

// Check refuses a take of n that could never be allowed. A rate that makes no
// sense is our mistake, not the caller's.
func (r Rate) Check(n int) error {
	switch {
	case r.Limit <= 0 || r.Burst < 0 || r.Per < time.Duration(r.Limit)*time.Microsecond:
		return fmt.Errorf("%d in %s with bursts of %d is no rate", r.Limit, r.Per, r.Burst)
	case n <= 0:
		return fmt.Errorf("%d cannot be taken from a rate", n)
	case n > r.AtOnce():
		return Invalid.Errorf("%d at once is more than is ever allowed; ask for %d at most", n, r.AtOnce()).With("limit", r.AtOnce())
	}
	return nil
}

// Allowance is the answer to a take, and what is left after it.
type Allowance struct {
	Allowed   bool
	Remaining int // may be taken at once from now on; of a refused take zero
	// RetryAfter is how long to wait until the same take is allowed; zero when it
	// was.
	RetryAfter time.Duration
	ResetAfter time.Duration // until Remaining is all of the burst again
}
