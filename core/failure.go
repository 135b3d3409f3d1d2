package core

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Failure is an Error as it is kept beside a job or a variant: what a caller may
// read, without the cause. The zero Failure means that nothing failed.
type Failure struct {
	Slug   Slug           `json:"slug"`
	Detail string         `json:"detail"`
	Facts  map[string]any `json:"facts,omitempty"`
}

// FailureOf keeps what callers may read of err. An error that nobody classified
// becomes internal, without its text.
func FailureOf(err error) *Failure {
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.Slug == Slug(Internal) || !e.Slug.Known() {
		return &Failure{Slug: Slug(Internal), Detail: "something went wrong on our side"}
	}
	return &Failure{Slug: e.Slug, Detail: e.Detail, Facts: e.Facts}
}

// Value stores f as JSON.
func (f Failure) Value() (driver.Value, error) {
	b, err := json.Marshal(f)
	return string(b), err
}

// Scan reads what Value stored.
func (f *Failure) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, f)
	case string:
		return json.Unmarshal([]byte(v), f)
	}
	return fmt.Errorf("a failure is stored as JSON, not as %T", src)
}

// Warning is something a caller should know about a success.
type Warning struct {
	Slug   string `json:"slug"`
	Detail string `json:"detail"`
	// Variant is the name of the variant it concerns, empty for all.
	Variant string `json:"variant,omitempty"`
}

// Warnings is stored as a JSON list.
type Warnings []Warning

// Value stores w as JSON; none is the empty list.
func (w Warnings) Value() (driver.Value, error) {
	if w == nil {
		return "[]", nil
	}
	b, err := json.Marshal(w)
	return string(b), err
}

// Scan reads what Value stored.
func (w *Warnings) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, w)
	case string:
		return json.Unmarshal([]byte(v), w)
	}
	return fmt.Errorf("warnings are stored as JSON, not as %T", src)
}

// Round cuts t to what every database keeps: microseconds, in UTC.
func Round(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }
