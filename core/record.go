package core

import "time"

// Record is an image with its variants, ordered by name.
type Record struct {
	Image    Image
	Variants []Variant
}

// Actor is who did something, in which request, and from where.
type Actor struct {
	Subject       string // of a principal, or worker:<id>
	CorrelationID string
	Address       string // empty when nobody outside did
}

// ImageFilter narrows a list of images. Empty fields do not.
type ImageFilter struct {
	Bucket        string
	State         ImageState
	Owner         string
	ExternalID    string
	CreatedAfter  *time.Time
	CreatedBefore *time.Time
}

// JobFilter narrows a list of jobs. Empty fields do not.
type JobFilter struct {
	State   JobState
	ImageID ID
}

// Page says which part of a list is wanted: the newest first, at most Limit, and
// with a Before only what is older than it.
type Page struct {
	Limit  int
	Before *Position
}

// Position is a place in a list that is ordered by time of birth, then id.
type Position struct {
	At time.Time `json:"at"`
	ID ID        `json:"id"`
}

// ImagePatch changes the fields that are not nil. IfVersion, when not nil, is
// the version the caller has seen.
type ImagePatch struct {
	IfVersion  *int64
	Metadata   []byte // a JSON object that replaces the old one, nil to leave it
	Filename   *string
	Bucket     *string
	ExternalID *string
	ExpiresAt  *time.Time // the zero time removes it
}

// Check holds the new values to the rules of an upload's fields, and brings them
// into the form that is kept.
func (p *ImagePatch) Check(now time.Time) (err error) {
	if p.ExpiresAt != nil && !p.ExpiresAt.IsZero() {
		at, err := ExpiresAt(*p.ExpiresAt, now)
		if err != nil {
			return err
		}
		p.ExpiresAt = &at
	}
	if p.Metadata != nil {
		if p.Metadata, err = Metadata(p.Metadata); err != nil {
			return err
		}
	}
	if p.Bucket != nil {
		bucket, err := Bucket(*p.Bucket)
		if err != nil {
			return err
		}
		p.Bucket = &bucket
	}
	if p.ExternalID != nil {
		if _, err := ExternalID(*p.ExternalID); err != nil {
			return err
		}
	}
	if p.Filename != nil {
		name := Filename(*p.Filename)
		p.Filename = &name
	}
	return nil
}

// Stats is a tenant's own numbers, counted from rows.
type Stats struct {
	Images int64
	Bytes  int64 // of originals
	Jobs   map[JobState]int64
	Hour   Window
	Day    Window
	Quota  []Share // what is limited
}

// Window is what became of the jobs that finished in a span of time.
type Window struct {
	Finished int64
	Failures int64     // failed and dead
	Queue    Quantiles // from the job's birth to the claim of its last attempt
	Run      Quantiles // of its last attempt
}

// Quantiles are of durations; zero when nothing was counted.
type Quantiles struct{ P50, P95 time.Duration }

// Fleet is what an administrator sees of all tenants: numbers, and no names but those
// of processes and of his own tenant's jobs.
type Fleet struct {
	Due       int64         // queued jobs whose time has come
	OldestAge time.Duration // of the oldest of them
	Running   int64
	Workers   []Working // processes that were seen in the last hour, the oldest first
}

// Worker is a process of the service that says from time to time that it is alive.
// Its fields stand in the order of the table's columns.
type Worker struct {
	ID        string // the name in the rows of the jobs it runs
	Host      string
	Version   string
	Slots     int64 // jobs it runs at once; 0 for an API
	StartedAt time.Time
	SeenAt    time.Time
	Role      string
}

// Working is a worker and what it does.
type Working struct {
	Worker
	Silent  time.Duration // since it was last seen
	Running int64         // jobs of all tenants that it runs, as far as the database knows
	Jobs    []ID          // those of one tenant
}

// Alive reports whether it was seen as often as it should have been.
func (w Working) Alive() bool { return w.Silent < 4*WorkerSeen }

// WorkerSeen is how often a process says that it is alive.
const WorkerSeen = 5 * time.Second

// Sweep is an object that is to be deleted when its time has come.
type Sweep struct {
	ID      ID
	BlobKey string // an object, or with a trailing slash everything under it
	Tries   int64
}
