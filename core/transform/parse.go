package transform

import (
	"net/url"
	"strings"

	"imgd/core"
)

// MaxLength is the longest transform that is read, in bytes.
const MaxLength = 2048

// Parse reads a transform; the empty one is Default. All of it is understood or
// it is an InvalidTransform with the facts key, column (in bytes, from 1) and,
// when something known is near, suggestion.
func Parse(text string) (Spec, error) {
	if len(text) > MaxLength {
		return Spec{}, core.InvalidTransform.Errorf("a transform has at most %d bytes; this one has %d", MaxLength, len(text)).
			With("column", MaxLength+1).With("limit", MaxLength).With("actual", len(text))
	}
	s := Default()
	if text == "" {
		return s, nil
	}
	seen := map[string]int{} // key to column
	column := 1
	for field := range strings.SplitSeq(text, ",") {
		if err := s.read(field, column, seen); err != nil {
			return Spec{}, err
		}
		column += len(field) + 1
	}
	if b := s.breach(); b != nil {
		return Spec{}, b.err.With("key", b.key).With("column", seen[b.key])
	}
	return s, nil
}

// read takes one key=value that stands at column.
func (s *Spec) read(field string, column int, seen map[string]int) error {
	if field == "" {
		return refuse("", column, "a field is empty; write key=value,key=value with single commas in between")
	}
	name, value, ok := strings.Cut(field, "=")
	k := find(name)
	if k == nil {
		return unknown(name, column)
	}
	if !ok || value == "" {
		return refuse(name, column, "%s has no value; it takes %s", name, k.takes)
	}
	if first, again := seen[name]; again {
		return refuse(name, column, "%s stands twice, first in column %d; write each key once", name, first)
	}
	seen[name] = column
	return k.read(s, value, column+len(name)+1)
}

// read takes the value of k that stands at column.
func (k key) read(s *Spec, value string, column int) error {
	parts := strings.Split(value, ":")
	columns := make([]int, len(parts))
	for i, p := range parts {
		columns[i] = column
		column += len(p) + 1
		plain, err := url.PathUnescape(p)
		if err != nil {
			return refuse(k.name, columns[i], "%s has a broken percent escape in %q; write %%25 for a percent sign", k.name, clip(p))
		}
		parts[i] = plain
	}
	f := k.set(s, parts)
	if f == nil {
		return nil
	}
	bad := min(f.part, len(parts)-1)
	if f.why != "" {
		return refuse(k.name, columns[bad], "%s", f.why)
	}
	e := refuse(k.name, columns[bad], "%s takes %s, not %q", k.name, k.takes, clip(value))
	if near, ok := nearest(parts[bad], k.words); ok {
		e = e.With("suggestion", near)
	}
	return e
}

func unknown(name string, column int) error {
	near, ok := nearestKey(name)
	name = clip(name)
	if ok {
		return refuse(name, column, "there is no key %q; did you mean %s?", name, near).With("suggestion", near)
	}
	return refuse(name, column, "there is no key %q", name)
}

func refuse(key string, column int, format string, args ...any) *core.Error {
	e := core.InvalidTransform.Errorf(format, args...).With("column", column)
	if key != "" {
		e = e.With("key", key)
	}
	return e
}
