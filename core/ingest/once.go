package ingest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"time"

	"imgd/core"
	"imgd/ports"
)

const (
	route      = "POST /v1/images"
	lockFor    = 30 * time.Second // a dead process holds a key no longer
	answerKept = 24 * time.Hour
)

// once is the hold a request has on its idempotency key.
type once struct {
	s      *Service
	key    ports.IdempotencyKey
	answer *ports.Answer // of an earlier request; this one is not carried out
	done   bool
	stop   context.CancelFunc
	beat   sync.WaitGroup
}

// begin takes the key and keeps it while the body is on its way.
func (s *Service) begin(ctx context.Context, u Upload) (*once, error) {
	o := &once{s: s, stop: func() {}}
	if u.IdempotencyKey == "" {
		return o, nil
	}
	o.key = ports.IdempotencyKey{Tenant: u.By.Tenant, Subject: u.By.Subject, Route: route, Key: u.IdempotencyKey, Token: token()}
	var err error
	if o.answer, err = s.Answers.Begin(ctx, o.key, lockFor); err != nil || o.answer != nil {
		return o, err
	}
	ctx, o.stop = context.WithCancel(ctx)
	o.beat.Go(func() { o.hold(ctx) })
	return o, nil
}

// hold extends the lock until the request ends. When it fails, Admit is what
// notices that the key is gone.
func (o *once) hold(ctx context.Context) {
	tick := time.NewTicker(lockFor / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = o.s.Answers.Begin(ctx, o.key, lockFor)
		}
	}
}

// end gives the key back when the request came to nothing, so that it may be
// sent again.
func (o *once) end(ctx context.Context) {
	o.stop()
	o.beat.Wait()
	if o.key.Key == "" || o.done || o.answer != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = o.s.Answers.Drop(ctx, o.key) // if this fails, the lock runs out
}

// answered is the answer to be kept, nil when there is no key.
func (o *once) answered(a Accepted, f Fields, file ports.Info) (*ports.Answer, error) {
	if o.key.Key == "" {
		return nil, nil
	}
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be kept: %w", err)
	}
	return &ports.Answer{
		Key: o.key, Fingerprint: fingerprint(f, file.SHA256), Body: body,
		ExpiresAt: core.Round(o.s.Now().Add(answerKept)),
	}, nil
}

// replay reads the body of a request that was answered before and says the same
// again, if it is the same.
func (s *Service) replay(u Upload, kept *ports.Answer) (Accepted, error) {
	var sum hash.Hash
	fields, err := u.Read(func(f File, _ Fields) error {
		if sum != nil {
			return core.FileRepeated.Errorf("the form has a second file; send each image in a request of its own")
		}
		sum = sha256.New()
		_, err := io.Copy(sum, &limited{r: f.Body, left: s.MaxBytes, limit: s.MaxBytes})
		return err
	})
	if err != nil {
		return Accepted{}, err
	}
	if sum == nil || fingerprint(fields, hex.EncodeToString(sum.Sum(nil))) != kept.Fingerprint {
		return Accepted{}, core.IdempotencyMismatch.Errorf("this Idempotency-Key was used for a request with another body; use a new key")
	}
	var a Accepted
	if err := json.Unmarshal(kept.Body, &a); err != nil {
		return Accepted{}, errors.Join(errors.New("a kept answer cannot be read"), err)
	}
	a.Replayed = true
	return a, nil
}

// fingerprint tells two requests apart: each field with its length, then the
// file.
func fingerprint(f Fields, file string) string {
	h := sha256.New()
	for _, v := range []string{f.Bucket, f.ExternalID, f.Filename, f.Metadata, f.Preset, f.Variants, file} {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
	if f.ExpiresAt != "" { // last and not always, so that older answers keep their fingerprint
		fmt.Fprintf(h, "%d:%s", len(f.ExpiresAt), f.ExpiresAt)
	}
	return hex.EncodeToString(h.Sum(nil))
}
