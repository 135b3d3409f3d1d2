package records

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"imgd/adapters/records/internal/gen"
	"imgd/core"
	"imgd/ports"
)

// Idempotency remembers answers.
type Idempotency struct{ *DB }

var _ ports.Idempotency = Idempotency{}

// unclaimed is how long a lock that ran out is kept for its slow holder.
const unclaimed = 24 * time.Hour

// Begin locks the key for its token, or returns the answer it was given.
func (s Idempotency) Begin(ctx context.Context, k ports.IdempotencyKey, lock time.Duration) (a *ports.Answer, err error) {
	err = s.write(ctx, func(t tx) error {
		n, err := t.LockRequest(ctx, gen.LockRequestParams{
			Tenant: k.Tenant, Subject: k.Subject, Route: k.Route, Key: k.Key, Token: k.Token,
			Body: json.RawMessage("{}"), Lock: micros(lock), Keep: micros(lock + unclaimed),
		})
		if err != nil || n > 0 {
			return err
		}
		row, err := t.Answered(ctx, gen.AnsweredParams{Tenant: k.Tenant, Subject: k.Subject, Route: k.Route, Key: k.Key})
		if errors.Is(err, sql.ErrNoRows) { // given back in this very moment
			return core.IdempotencyInProgress.Errorf("the first request with this key has just ended; send it again").After(time.Second)
		}
		if err != nil {
			return err
		}
		if !row.Answered {
			return core.IdempotencyInProgress.Errorf("the first request with this key is still being answered").
				After(max(time.Second, row.LockedUntil.Sub(t.now)))
		}
		k.Token = row.Token
		a = &ports.Answer{Key: k, Fingerprint: row.Fingerprint, Body: row.Body, ExpiresAt: row.ExpiresAt}
		return nil
	})
	return a, err
}

// Drop gives an unanswered key back.
func (s Idempotency) Drop(ctx context.Context, k ports.IdempotencyKey) error {
	return s.write(ctx, func(t tx) error {
		return t.DropRequest(ctx, gen.DropRequestParams(k))
	})
}

// answer keeps what the holder of a key says; nil keeps nothing.
func (t tx) answer(ctx context.Context, a *ports.Answer) error {
	if a == nil {
		return nil
	}
	n, err := t.AnswerRequest(ctx, gen.AnswerRequestParams{
		Fingerprint: a.Fingerprint, Body: a.Body, ExpiresAt: a.ExpiresAt,
		Tenant: a.Key.Tenant, Subject: a.Key.Subject, Route: a.Key.Route, Key: a.Key.Key, Token: a.Key.Token,
	})
	if err == nil && n == 0 {
		return core.IdempotencyInProgress.Errorf("another request has taken this key over; ask again for its answer").After(time.Second)
	}
	return err
}
