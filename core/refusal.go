package core

import "errors"

// Refusal is what somebody wanted of an image, or of a job and so of its image, and
// may not.
type Refusal struct {
	ImageID   ID // or JobID
	JobID     ID
	Operation string // as the contract calls it
	Problem   Slug
	Answer    Slug // what the caller was told in its place; empty where that is Problem
	// Times is how many equal refusals this stands for, and Others how many of whatever
	// else the same caller wanted; zero for the one that it tells of itself.
	Times, Others int
	By            Actor
}

// concealed is a refusal as the cause of an error that does not tell of it.
type concealed struct {
	error
	refusal Refusal
}

func (c *concealed) Unwrap() error { return c.error }

// Hide returns e as the answer to whoever shall not even learn that they were refused:
// the cause is for the log, what was wanted for the audit trail.
func (e *Error) Hide(refusal error, what Refusal) *Error {
	if deeper, ok := Hidden(refusal); ok {
		what = deeper
	} else {
		what.Problem = SlugOf(refusal)
	}
	return e.Because(&concealed{refusal, what})
}

// Hidden returns the refusal that err hides from its caller.
func Hidden(err error) (Refusal, bool) {
	c, ok := errors.AsType[*concealed](err)
	if !ok {
		return Refusal{}, false
	}
	return c.refusal, true
}
