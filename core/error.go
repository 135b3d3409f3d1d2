package core

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Kind says what an error means for whoever must act on it. The outermost Kind
// of a chain counts; an error without one is Internal.
type Kind string

// The kinds, and in brackets who can do something about them.
const (
	Invalid         Kind = "invalid"         // the request is wrong (the caller)
	Unauthenticated Kind = "unauthenticated" // nobody we know is asking (the caller)
	Forbidden       Kind = "forbidden"       // they may not (their administrator)
	NotFound        Kind = "not-found"       // it is not there, or not theirs
	Conflict        Kind = "conflict"        // the state of things does not allow it
	TooLarge        Kind = "too-large"       // more bytes than are taken
	Unsupported     Kind = "unsupported"     // a format or a step this build does not know
	Undecodable     Kind = "undecodable"     // the bytes are not an image we can or want to decode
	Limited         Kind = "limited"         // too often, too soon (wait)
	Unavailable     Kind = "unavailable"     // a dependency is away, or we are full (wait)
	Full            Kind = "full"            // no room to store it (the operator)
	Internal        Kind = "internal"        // our mistake; its text is not for callers
)

// Error is what goes wrong, told twice: Detail is a sentence for the caller, the
// cause is for the operator and cannot be encoded by accident.
type Error struct {
	Kind   Kind
	Slug   Slug
	Detail string
	// Facts are members of the problem document, such as limit and actual.
	Facts map[string]any
	// RetryAfter is how long to wait before trying again; zero when unknown.
	RetryAfter time.Duration

	cause error
}

// Errorf makes an error of the kind's own slug. Its text is a sentence for the
// caller and says what to do.
func (k Kind) Errorf(format string, args ...any) *Error {
	return &Error{Kind: k, Slug: Slug(k), Detail: fmt.Sprintf(format, args...)}
}

// Error is for logs: the cause is part of it.
func (e *Error) Error() string {
	if e.cause == nil {
		return string(e.Slug) + ": " + e.Detail
	}
	return string(e.Slug) + ": " + e.Detail + ": " + e.cause.Error()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Because returns e with its cause, which operators see and callers do not.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.cause = cause
	return &c
}

// With returns e with one more fact for the problem document.
func (e *Error) With(name string, value any) *Error {
	c := *e
	c.Facts = maps.Clone(e.Facts)
	if c.Facts == nil {
		c.Facts = map[string]any{}
	}
	c.Facts[name] = value
	return &c
}

// Without returns e with one fact less.
func (e *Error) Without(name string) *Error {
	c := *e
	c.Facts = maps.Clone(e.Facts)
	delete(c.Facts, name)
	return &c
}

// After returns e with the time after which trying again makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// KindOf returns the kind of the outermost Error in err's chain, Internal for an
// error without one, and "" for nil.
func KindOf(err error) Kind {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// SlugOf returns the slug of the outermost Error in err's chain; internal for an
// error without one, and "" for nil.
func SlugOf(err error) Slug {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Slug
	}
	return Slug(Internal)
}

// RetryAfter returns how long the outermost Error in err's chain asks to wait.
func RetryAfter(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
