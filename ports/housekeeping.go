package ports

import (
	"context"
	"iter"
	"time"

	"imgd/core"
)

// Housekeeping is what one worker does for all. All times are the database's own.
type Housekeeping interface {
	// Lead takes or keeps the named duty for holder, until ttl from now. It
	// reports false while somebody else has it.
	Lead(ctx context.Context, duty, holder string, ttl time.Duration) (bool, error)

	Sweeps
	Retention
	Accounts
	Generations
}

// Sweeps are objects that are to be deleted, each when its time has come. An
// object that a variant is published with, is no longer to be swept.
type Sweeps interface {
	// Due returns sweeps whose time has come, the oldest first, and never one of an
	// object that a living row needs, or that a live job of its image may be about to
	// publish: the first are forgotten, the others put off. This is so when it
	// answers; whoever waits before deleting asks again.
	Due(ctx context.Context, limit int) ([]core.Sweep, error)

	// Swept forgets a sweep that is done.
	Swept(ctx context.Context, s core.Sweep) error

	// Postpone puts off a sweep that failed.
	Postpone(ctx context.Context, s core.Sweep, wait time.Duration) error

	// Unknown returns those of keys that no living row refers to and no sweep is
	// waiting for.
	Unknown(ctx context.Context, keys []string) ([]string, error)

	// Mark plans a sweep, after the grace, of those of keys that are unknown, and
	// returns how many they were.
	Mark(ctx context.Context, keys []string, grace time.Duration) (marked int, err error)

	// Waiting counts the sweeps there are, and those whose time had come before
	// late.
	Waiting(ctx context.Context, late time.Duration) (all, overdue int64, err error)

	// Needed yields every object that a living row needs: the originals, then the
	// variants, each in the order of their images. What is recorded or deleted
	// meanwhile may be missing or not.
	Needed(ctx context.Context) iter.Seq2[Need, error]
}

// Need is an object as its row describes it.
type Need struct {
	Image   core.ID
	Variant string // empty for an original
	Key     string
	Bytes   int64
	SHA256  string
}

// Retention removes what is over, at most limit rows or images at a time, in one
// transaction of moderate length. It returns how many they were: fewer than limit
// mean that there is no more.
type Retention interface {
	// DeleteExpired deletes images whose time is over, as Images.Delete does.
	DeleteExpired(ctx context.Context, r Removal, limit int) (deleted int, err error)

	// ForgetJobs removes jobs that have been at an end for longer than age. Their
	// variants and events stay.
	ForgetJobs(ctx context.Context, age time.Duration, limit int) (removed int, err error)

	// ForgetEvents removes events that are older than age.
	ForgetEvents(ctx context.Context, age time.Duration, limit int) (removed int, err error)

	// ForgetTombstones removes images that were deleted longer than age ago and whose
	// objects are gone, with their variants and jobs. Deleting them again is a
	// NotFound from then on.
	ForgetTombstones(ctx context.Context, age time.Duration, limit int) (removed int, err error)

	// ForgetAnswers removes idempotent answers whose day is over.
	ForgetAnswers(ctx context.Context, limit int) (removed int, err error)

	// ForgetRates removes what is known of callers who owe nothing any more.
	ForgetRates(ctx context.Context, limit int) (removed int, err error)

	// ForgetReservations removes reservations that have run out.
	ForgetReservations(ctx context.Context, limit int) (removed int, err error)
}

// Accounts are what tenants with a quota have.
type Accounts interface {
	// Recount compares what is kept of each such tenant with what it has, puts right
	// what is wrong, and returns of how many tenants that was.
	Recount(ctx context.Context) (corrected int, err error)
}

// Generation is the name of the last meeting of the database and its store, and
// of the one before: the store holds an object of that name. The zero Generation
// means that they have never met; without a Previous they are about to.
type Generation struct{ Current, Previous string }

// Generations remembers meetings.
type Generations interface {
	// Generation returns the last meeting, and how long ago it was.
	Generation(ctx context.Context) (g Generation, age time.Duration, err error)

	// Meet puts is in the place of was, and reports false when something else stands
	// there.
	Meet(ctx context.Context, was, is Generation) (bool, error)
}
