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
	"time"

	"imgd/core"
	"imgd/core/access"
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
	beat   beat
}

// begin takes the key and keeps it while the body is on its way.
func (s *Service) begin(ctx context.Context, u Upload) (*once, error) {
	o := &once{s: s}
	if u.IdempotencyKey == "" {
		return o, nil
	}
	o.key = ports.IdempotencyKey{Tenant: u.By.Tenant, Subject: u.By.Subject, Route: route, Key: u.IdempotencyKey, Token: token()}
	var err error
	if o.answer, err = s.Answers.Begin(ctx, o.key, lockFor); err != nil || o.answer != nil {
		return o, err
	}
	o.beat.begin(ctx, lockFor/3, func(ctx context.Context) { _, _ = s.Answers.Begin(ctx, o.key, lockFor) })
	return o, nil
}

// end gives the key back when the request came to nothing, so that it may be
// sent again.
func (o *once) end(ctx context.Context) {
	o.beat.end()
	if o.key.Key == "" || o.done || o.answer != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = o.s.Answers.Drop(ctx, o.key) // if this fails, the lock runs out
}

// answered is the answer to be kept, nil when there is no key. What its caller said of
// the image is not kept: a replay comes with it, and a deletion has nothing to erase.
func (o *once) answered(a Accepted, f Fields, file ports.Info) (*ports.Answer, error) {
	if o.key.Key == "" {
		return nil, nil
	}
	m := &a.Record.Image
	m.ExternalID, m.Filename, m.Metadata = "", "", nil
	body, err := json.Marshal(a)
	if err != nil {
		return nil, fmt.Errorf("the answer cannot be kept: %w", err)
	}
	return &ports.Answer{
		Key: o.key, Fingerprint: fingerprint(f, file.SHA256), Body: body,
		ExpiresAt: core.Round(o.s.Now().Add(answerKept)),
	}, nil
}

// replay reads the body of a request that was answered before and says the same again,
// if it is the same and its image is still there for who asks.
func (s *Service) replay(ctx context.Context, u Upload, kept *ports.Answer) (Accepted, error) {
	var sum hash.Hash
	var name string
	fields, err := u.Read(func(f File, _ Fields) error {
		if sum != nil {
			return core.FileRepeated.Errorf("the form has a second file; send each image in a request of its own")
		}
		sum, name = sha256.New(), f.Name
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
	m := &a.Record.Image
	if err := s.stillThere(ctx, u.By, m.ID); err != nil {
		return Accepted{}, err
	}
	m.Filename = filename(fields, name)
	if m.ExternalID, err = core.ExternalID(fields.ExternalID); err != nil {
		return Accepted{}, err
	}
	if m.Metadata, err = core.Metadata([]byte(fields.Metadata)); err != nil {
		return Accepted{}, err
	}
	a.Replayed = true
	return a, nil
}

// stillThere refuses to say again what was made of an image that was deleted
// meanwhile, or that its own uploader may see no more: both in the same words.
func (s *Service) stillThere(ctx context.Context, by core.Principal, image core.ID) error {
	rec, err := s.Images.Image(ctx, by.Tenant, image)
	if err == nil {
		err = access.AskToSee(ctx, s.Policy, access.OnImage(by, "read", rec.Image))
	}
	if core.KindOf(err) == core.NotFound {
		return core.IdempotencyGone.Errorf("the image that the request with this Idempotency-Key made is no longer there; use a new key to upload it again").Because(err)
	}
	return err
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
