package ports

import (
	"context"

	"imgd/core"
)

// Question is whether somebody may do something that our own rules allow already.
type Question struct {
	By     core.Principal
	Action string // read, read-original, link, list, create, update or delete
	// On is what it is done to: an image, a job, a bucket or a tenant.
	Type, ID string
	Bucket   string // of an image, where it is known
	Owner    string // of an image or a job
}

// Policy is a decision point of somebody else's.
type Policy interface {
	// Allows answers a question. No is an answer; Unavailable means that none was to be
	// had, and is to be taken for no. It comes within little more than two seconds. An
	// answer may be as old as the settings say.
	Allows(ctx context.Context, q Question) (bool, error)
}
