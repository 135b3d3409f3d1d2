package worker

import (
	"context"
	"log/slog"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Registrar says that its process is alive, for people who look.
type Registrar struct {
	Workers ports.Workers
	Self    core.Worker
	Log     *slog.Logger
}

// Run says so until the context ends, and then that the process is gone.
func (r *Registrar) Run(ctx context.Context) {
	every(ctx, core.WorkerSeen, func() {
		if err := r.Workers.Alive(ctx, r.Self); err != nil && ctx.Err() == nil {
			r.Log.WarnContext(ctx, "this process could not be registered", "err", err)
		}
	})
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := r.Workers.Gone(ctx, r.Self.ID); err != nil {
		r.Log.WarnContext(ctx, "this process could not be taken off the register", "err", err)
	}
}
