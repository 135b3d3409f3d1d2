package ports

import (
	"context"

	"imgd/core"
)

// Cancels carries hints that a running job's cancellation was asked for, to every
// process that listens; the row says whether it was. A hint may be lost, come
// twice or name nothing.
type Cancels interface {
	// Announce tells all who listen now. It does not wait for them.
	Announce(ctx context.Context, id core.ID) error

	// Listen calls heard, which should be quick, for one hint after the other until
	// the context ends, which is its only error unless the hints are Unavailable.
	Listen(ctx context.Context, heard func(core.ID)) error
}
