package ports

import (
	"context"
	"encoding/json"
	"time"

	"imgd/core"
)

// Admission is an accepted upload: everything of it is recorded, or nothing.
type Admission struct {
	Image    core.Image
	Variants []core.Variant // all pending, of Job
	Job      core.Job       // queued and due
	// Answer, when not nil, is kept under the idempotency key that the caller
	// holds.
	Answer *Answer
	// Address is where the upload came from.
	Address string
	// Reservation, when not empty, is the room that this makes use of.
	Reservation core.ID
}

// Removal says who deletes, and how long objects stay after it.
type Removal struct {
	By    core.Actor
	Owner string // whose image it has to be, else it is a NotFound; empty: whoever's
	Grace time.Duration
	Purge bool // no grace; of an image that is deleted already, what is left of it
}

// Images records what was accepted, and answers for the caller's own tenant.
// What belongs to another tenant, or is deleted, is a NotFound.
type Images interface {
	// Admit records the image, its variants, its first job, their events and the
	// idempotent answer in one transaction. A taken external id is a Conflict
	// ExternalIDTaken with the fact image_id; an idempotency lock that another
	// request has taken over is a Conflict IdempotencyInProgress; a reservation that
	// has run out is RequestTimeout.
	Admit(ctx context.Context, a Admission) error

	// Image returns an image with its variants.
	Image(ctx context.Context, tenant string, id core.ID) (core.Record, error)

	// Embedded returns what the file of an image says of itself, as in
	// core.Facts.Embedded. An image whose file says nothing, or was not seen yet, is
	// a NotFound.
	Embedded(ctx context.Context, tenant string, id core.ID) (json.RawMessage, error)

	// List returns a page of images with their variants.
	List(ctx context.Context, tenant string, f core.ImageFilter, p core.Page) ([]core.Record, error)

	// Lookup returns those of ids that are there, in no order.
	Lookup(ctx context.Context, tenant string, ids []core.ID) ([]core.Record, error)

	// Patch changes an image and raises its version. A version other than
	// IfVersion is a Conflict PreconditionFailed, a taken external id a Conflict
	// ExternalIDTaken.
	Patch(ctx context.Context, tenant string, id core.ID, p core.ImagePatch, by core.Actor) (core.Record, error)

	// Delete leaves a tombstone without filename, external id, metadata and what the
	// file says of itself: from then on every read is a NotFound, queued jobs are
	// cancelled, a running one is fenced off, and its objects are to be swept after the
	// grace. Deleting a tombstone again is fine; that its purge was asked for is recorded
	// as long as it changes something. An image, or a tombstone, of another owner than the
	// removal names is a NotFound that hides a refusal (core.Hidden).
	Delete(ctx context.Context, tenant string, id core.ID, r Removal) error

	// Quarantined reports whether bytes with this hash killed too many decoders.
	Quarantined(ctx context.Context, sha256 string) (bool, error)
}

// Tombstones are what is left of the deleted images of the caller's own tenant.
type Tombstones interface {
	// Tombstone returns what is still known of a deleted image, whose it was for one. Of
	// an image that lives, and of none, it is a NotFound.
	Tombstone(ctx context.Context, tenant string, id core.ID) (core.Image, error)
}

// Tenants are all there are, for whoever does not act for one of them: an operator,
// and those who come without a token.
type Tenants interface {
	// NextTenant returns the first tenant after the given one, in the order of their
	// names, that has an image which is not deleted; empty when there is none.
	NextTenant(ctx context.Context, after string) (string, error)

	// PlaceOf returns where an image is, or was before it was deleted and when that was,
	// for as long as anything is known of it. It permits nothing: what follows asks for
	// that tenant.
	PlaceOf(ctx context.Context, id core.ID) (core.Place, error)
}

// IdempotencyKey names one request of one subject, and who is answering it.
type IdempotencyKey struct {
	Tenant  string
	Subject string
	Route   string
	Key     string
	Token   string // of the holder: a random string
}

// Answer is what a request with an idempotency key was answered.
type Answer struct {
	Key         IdempotencyKey
	Fingerprint string          // of the request's fields and file
	Body        json.RawMessage // what to say again
	ExpiresAt   time.Time
}

// Idempotency remembers answers, so that a request that is sent twice is carried
// out once.
type Idempotency interface {
	// Begin locks the key for its token: nil means that the caller is to carry the
	// request out, and that a later Begin with the same token extends the lock. A
	// key that was answered gives that answer. A key that another token holds is a
	// Conflict IdempotencyInProgress; a lock that has run out is taken over.
	Begin(ctx context.Context, k IdempotencyKey, lock time.Duration) (*Answer, error)

	// Drop gives an unanswered key back, so that the request may be sent again. It
	// does nothing when the token no longer holds it.
	Drop(ctx context.Context, k IdempotencyKey) error
}

// Events is the audit trail. Changes are written by the transactions that make them;
// what is written stays as it is until its retention is over.
type Events interface {
	// OfImage returns a page of an image's events; of a deleted image too.
	OfImage(ctx context.Context, tenant string, image core.ID, p core.Page) ([]core.Event, error)

	// OfTenant returns a page of a tenant's events.
	OfTenant(ctx context.Context, tenant string, f core.EventFilter, p core.Page) ([]core.Event, error)

	// Refuse records a refusal, of an image of the tenant, deleted or not, or of a
	// living image's job, and reports whether it is. Of what is another tenant's, or
	// nobody's, it records nothing, takes the same time for both, and writes nothing.
	Refuse(ctx context.Context, tenant string, r core.Refusal) (recorded bool, err error)
}

// Stats counts rows.
type Stats interface {
	Tenant(ctx context.Context, tenant string) (core.Stats, error)

	// Fleet counts what waits and runs for everybody. Of the jobs that run it names those
	// of one tenant, 1000 at most; without a tenant none.
	Fleet(ctx context.Context, tenant string) (core.Fleet, error)
}
