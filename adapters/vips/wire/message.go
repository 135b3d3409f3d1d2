package wire

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"imgd/core"
	"imgd/core/transform"
)

// Variable is the environment variable in which a child finds its Settings.
const Variable = "IMGD_DECODER"

// Descriptor is where a child finds its end of the socket.
const Descriptor = 3

// Settings are what a child is told when it starts, as JSON.
type Settings struct {
	Limits     core.Limits
	FailOn     string
	FirstFrame bool
	Formats    []string
	Isolated   bool          // whether it locks itself up
	Lifetime   time.Duration // how long it may compute in all; 0 is for ever
	Written    int64         // the most it may write into one piece of shared memory; 0 is no limit
	Auto       []string      // of which fmt=auto takes the smallest
	KeepGPS    bool
	Careful    bool // whether everything is drawn from the whole page
}

// Hello is the header of a child's first frame.
type Hello struct {
	Version      int
	Capabilities core.Capabilities
	Jail         Jail
	Versions     map[string]string `json:",omitempty"` // of the libraries it works with
}

// Jail is what came of a child's attempt to lock itself up.
type Jail struct {
	Layers  []string `json:",omitempty"` // that are in force
	Missing []string `json:",omitempty"` // that are not, and why
	Allowed []string `json:",omitempty"` // acts that succeeded although nothing should
	Micros  int64    // that it took
}

// Tight reports whether nothing is missing.
func (j Jail) Tight() bool { return len(j.Layers) > 0 && len(j.Missing)+len(j.Allowed) == 0 }

// Op is what a request asks for.
type Op string

// The operations.
const (
	OpProbe  Op = "probe"
	OpRender Op = "render"
)

// Request is the header of a KindRequest frame.
type Request struct {
	Op       Op
	Variants []Variant `json:",omitempty"`
	Facts    bool      `json:",omitempty"`
}

// Variant is a rendition by its canonical form.
type Variant struct {
	Name      string
	Transform string
}

// Mark is the header of a KindMark frame. Those that come before a request are for
// it alone.
type Mark struct {
	Image core.ID
}

// MaxMarks is how many a request may need.
const MaxMarks = transform.MaxVariants

// Begun is the header of a KindBegun frame: there is nothing more to say.
type Begun struct{}

// Output is the header of a KindOutput frame. With a Failure there is no body.
type Output struct {
	Name        string
	ContentType string
	Ext         string
	Width       int64
	Height      int64
	Pages       int64
	Warnings    core.Warnings `json:",omitempty"`
	Failure     *Failure      `json:",omitempty"`
}

// Done is the header of a KindDone frame: what was asked for, or the Failure. The
// body is what the facts say of the file's own metadata, if it has any.
type Done struct {
	Probe   *core.Probe `json:",omitempty"`
	Facts   *core.Facts `json:",omitempty"`
	Failure *Failure    `json:",omitempty"`
	CPUMS   int64
}

// Failure is an error on its way from a child. Its kind is the registry's.
type Failure struct {
	Slug   core.Slug
	Detail string
	Facts  map[string]any `json:",omitempty"`
	Cause  string         `json:",omitempty"` // for the operator
}

// The most a failure carries.
const (
	detailBytes = 1 << 10
	causeBytes  = 4 << 10
	factCount   = 16
)

// FailureOf packs err. What nobody classified becomes internal, and its text the
// cause.
func FailureOf(err error) *Failure {
	f := core.FailureOf(err)
	w := &Failure{Slug: f.Slug, Detail: Text(f.Detail, detailBytes), Facts: f.Facts}
	if e, ok := errors.AsType[*core.Error](err); !ok || e.Unwrap() != nil {
		w.Cause = Text(err.Error(), causeBytes)
	}
	if text, err := json.Marshal(w.Facts); err != nil || len(text) > answerHeaderBytes/4 {
		w.Facts = nil
	}
	return w
}

// Err unpacks the failure, or says in an error that wraps ErrBroken why no
// decoder can have meant it.
func (f Failure) Err() error {
	if !f.Slug.Known() {
		return Broken("a failure has the unknown slug %q", Text(string(f.Slug), 64))
	}
	e := f.Slug.Errorf("%s", Text(f.Detail, detailBytes))
	switch e.Kind {
	case core.Invalid, core.Unsupported, core.Undecodable, core.TooLarge, core.Internal:
	default:
		return Broken("a failure is %s, which is not for a decoder to say", f.Slug)
	}
	if len(f.Facts) > factCount {
		return Broken("a failure has %d facts", len(f.Facts))
	}
	for _, name := range slices.Sorted(maps.Keys(f.Facts)) {
		v, ok := fact(f.Facts[name])
		if !ok {
			return Broken("the fact %q is neither a number, a text, a truth nor a list of texts", Text(name, 64))
		}
		e = e.With(Text(name, 64), v)
	}
	if f.Cause != "" {
		e = e.Because(errors.New(Text(f.Cause, causeBytes)))
	}
	return e
}

// fact gives a value the type it had before it was JSON, as far as that can be
// told: whole numbers are int64.
func fact(v any) (any, bool) {
	switch v := v.(type) {
	case float64:
		if whole := int64(v); float64(whole) == v && max(v, -v) < 1<<53 {
			return whole, true
		}
		return v, true
	case string:
		return Text(v, detailBytes), true
	case bool:
		return v, true
	case []any:
		list := make([]string, 0, len(v))
		for _, item := range v {
			text, ok := item.(string)
			if !ok || len(list) == factCount {
				return nil, false
			}
			list = append(list, Text(text, 64))
		}
		return list, true
	}
	return nil, false
}

// Text makes s fit to be shown: valid UTF-8 on one line, at most n bytes.
func Text(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s[:min(len(s), n)], ""))
	return strings.ToValidUTF8(s[:min(len(s), n)], "")
}
