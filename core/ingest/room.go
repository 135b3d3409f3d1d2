package ingest

import (
	"context"
	"time"

	"imgd/core"
	"imgd/ports"
)

// room is what a request has reserved of its tenant's quota, kept while it is under
// way.
type room struct {
	s      *Service
	tenant string
	ports.Reservation
	used bool // by what is recorded
	beat beat
}

// reserve asks for room before anything is taken in.
func (s *Service) reserve(ctx context.Context, tenant string, asked core.Usage) (*room, error) {
	r := &room{s: s, tenant: tenant}
	if s.Quotas == nil {
		return r, nil
	}
	var err error
	if r.Reservation, err = s.Quotas.Reserve(ctx, tenant, asked); err != nil || r.ID == "" {
		return r, err
	}
	r.beat.begin(ctx, r.For/3, func(ctx context.Context) { _ = s.Quotas.Keep(ctx, tenant, r.Reservation) })
	return r, nil
}

// end gives back what the request came to no use of.
func (r *room) end(ctx context.Context) {
	r.beat.end()
	if r.ID == "" || r.used {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = r.s.Quotas.Release(ctx, r.tenant, r.Reservation) // if this fails, it runs out
}

// asked is the most that an upload may add: its own length where that is known, else
// all that one may have.
func (s *Service) asked(u Upload) core.Usage {
	bytes := s.MaxBytes
	if u.Length > 0 && (u.Length < bytes || bytes <= 0) {
		bytes = u.Length
	}
	return core.Usage{Images: 1, Bytes: bytes, Jobs: 1}
}
