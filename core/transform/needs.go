package transform

import (
	"iter"

	"imgd/core"
)

// Needs yields the keys of s that are not at their default, with their values in
// the canonical form, in the order of the table.
func Needs(s Spec) iter.Seq2[string, string] {
	return func(yield func(key, value string) bool) {
		for _, k := range table {
			if v := k.get(&s); v != k.def && !yield(k.name, v) {
				return
			}
		}
	}
}

// Unsupported returns a TransformUnsupported with the facts key and value for the
// first thing s needs that can denies, or nil. What is at its default is not
// asked about.
func Unsupported(s Spec, can func(key, value string) bool) error {
	for key, value := range Needs(s) {
		if !can(key, value) {
			return core.TransformUnsupported.Errorf("This build cannot do %s=%s; leave it out or choose another value", key, value).
				With("key", key).With("value", value)
		}
	}
	return nil
}
