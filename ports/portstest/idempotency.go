package portstest

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Idempotency holds a store to the promises of ports.Idempotency. open returns an
// empty one.
func Idempotency(t *testing.T, open func(*testing.T) *Store) {
	t.Run("reads what was written", func(t *testing.T) {
		s, k := open(t), request("a")
		s.begin(t, k, lease)
		wanted := s.answer(t, k)
		for _, token := range []string{"a", "b"} {
			k.Token = token
			got, err := s.Answers.Begin(t.Context(), k, lease)
			must(t, err)
			expect(t, "the answer for token "+token, got, wanted)
		}
	})
	t.Run("absence", func(t *testing.T) {
		s, k := open(t), request("a")
		if err := s.Answers.Drop(t.Context(), k); err != nil {
			t.Errorf("Drop of a key that nobody holds = %v, want nil", err)
		}
		s.begin(t, k, lease)
		for what, change := range map[string]func(*ports.IdempotencyKey){
			"tenant":  func(k *ports.IdempotencyKey) { k.Tenant = globex },
			"subject": func(k *ports.IdempotencyKey) { k.Subject = "bob" },
			"route":   func(k *ports.IdempotencyKey) { k.Route = "POST /v1/jobs" },
			"key":     func(k *ports.IdempotencyKey) { k.Key = "k-2" },
		} {
			other := request("b")
			change(&other)
			if a, err := s.Answers.Begin(t.Context(), other, lease); a != nil || err != nil {
				t.Errorf("Begin with another %s = %+v, %v, want a key of its own", what, a, err)
			}
		}
	})
	t.Run("conflict", func(t *testing.T) { idempotencyConflict(t, open) })
	t.Run("concurrency", func(t *testing.T) {
		s := open(t)
		errs := race(racers, func(i int) error {
			_, err := s.Answers.Begin(t.Context(), request(fmt.Sprint(i)), lease)
			return err
		})
		oneWinner(t, "Begin", errs, core.IdempotencyInProgress)
	})
	t.Run("interruption", func(t *testing.T) {
		s, k := open(t), request("a")
		_, err := s.Answers.Begin(cancelled(t), k, lease)
		expectCancelled(t, "Begin", err)
		k.Token = "b"
		s.begin(t, k, lease) // so the first one has not locked it
		expectCancelled(t, "Drop", s.Answers.Drop(cancelled(t), k))
		_, err = s.Answers.Begin(t.Context(), request("c"), lease)
		expectSlug(t, "Begin after an interrupted Drop", err, core.IdempotencyInProgress)
	})
}

func idempotencyConflict(t *testing.T, open func(*testing.T) *Store) {
	t.Run("a key that another holds", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), lease)
		s.begin(t, request("a"), lease) // its holder only extends it
		_, err := s.Answers.Begin(t.Context(), request("b"), lease)
		expectSlug(t, "Begin", err, core.IdempotencyInProgress)
		if wait := core.RetryAfter(err); wait <= 0 || wait > lease {
			t.Errorf("it asks to wait for %v, want up to the lock's %v", wait, lease)
		}
	})
	t.Run("a lock that has run out is taken over", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), 0)
		s.begin(t, request("b"), lease)
		if err := s.Answers.Drop(t.Context(), request("a")); err != nil {
			t.Errorf("Drop by whom it was taken from = %v, want nil", err)
		}
		_, err := s.Answers.Begin(t.Context(), request("a"), lease)
		expectSlug(t, "Begin by whom it was taken from", err, core.IdempotencyInProgress)
	})
	t.Run("a lock that ran out and was not taken still answers", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), 0)
		s.answer(t, request("a"))
	})
	t.Run("a dropped key is free", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), lease)
		must(t, s.Answers.Drop(t.Context(), request("a")))
		s.begin(t, request("b"), lease)
	})
	t.Run("an answer is not dropped", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), lease)
		wanted := s.answer(t, request("a"))
		must(t, s.Answers.Drop(t.Context(), request("a")))
		got, err := s.Answers.Begin(t.Context(), request("b"), lease)
		must(t, err)
		expect(t, "the answer after it", got, wanted)
	})
	t.Run("an answer is given once", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), lease)
		wanted := s.answer(t, request("a"))
		again := admission(acme)
		again.Answer = &ports.Answer{Key: request("a"), Fingerprint: "other", Body: json.RawMessage(`{}`), ExpiresAt: time.Now().Add(forever)}
		expectSlug(t, "Admit with the answer again", s.Images.Admit(t.Context(), again), core.IdempotencyInProgress)
		expectNothing(t, s, again)
		got, err := s.Answers.Begin(t.Context(), request("b"), lease)
		must(t, err)
		expect(t, "the answer after it", got, wanted)
	})
	t.Run("an answer whose day is over is forgotten", func(t *testing.T) {
		s := open(t)
		s.begin(t, request("a"), lease)
		s.admit(t, func(a *ports.Admission) {
			a.Answer = &ports.Answer{Key: request("a"), Fingerprint: "f", Body: json.RawMessage(`{}`), ExpiresAt: core.Round(time.Now().Add(-forever))}
		})
		s.begin(t, request("b"), lease)
	})
}

func request(token string) ports.IdempotencyKey {
	return ports.IdempotencyKey{Tenant: acme, Subject: "ann", Route: "POST /v1/images", Key: "k-1", Token: token}
}

// begin locks the key, which has to be free.
func (s *Store) begin(t *testing.T, k ports.IdempotencyKey, lock time.Duration) {
	t.Helper()
	if a, err := s.Answers.Begin(t.Context(), k, lock); a != nil || err != nil {
		t.Fatalf("Begin(%s) = %+v, %v, want the lock", k.Token, a, err)
	}
}

// answer admits an image under the key.
func (s *Store) answer(t *testing.T, k ports.IdempotencyKey) *ports.Answer {
	t.Helper()
	answer := &ports.Answer{
		Key: k, Fingerprint: "f-1", Body: json.RawMessage(`{"job":"j-1","n":[1,2]}`), ExpiresAt: core.Round(time.Now().Add(forever)),
	}
	s.admit(t, func(a *ports.Admission) { a.Answer = answer })
	return answer
}
