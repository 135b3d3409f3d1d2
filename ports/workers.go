package ports

import (
	"context"

	"imgd/core"
)

// Workers is the register of the processes of a deployment. Nothing depends on it:
// leases say who owns a job.
type Workers interface {
	// Alive says that w is there, for the first time or again, by the database's
	// clock. Who was not seen for an hour is forgotten.
	Alive(ctx context.Context, w core.Worker) error

	// Gone forgets a process that ends.
	Gone(ctx context.Context, id string) error
}
