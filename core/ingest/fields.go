package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"imgd/core"
	"imgd/core/transform"
)

// Fields are the fields of an upload as they came: text, and empty where they
// did not come.
type Fields struct {
	Bucket     string
	ExternalID string
	Filename   string // overrides the file's own
	Metadata   string // a JSON object
	Preset     string
	Variants   string // a JSON object of name: transform
}

// Bounds of the fields.
const (
	MaxMetadata   = 64 << 10
	maxDepth      = 16
	maxMembers    = 256
	maxExternalID = 255
	maxFilename   = 255
)

// request is what Fields mean.
type request struct {
	bucket, externalID string
	metadata           json.RawMessage
	variants           []transform.Variant
}

// read says what the fields mean, or what is wrong with them.
func (s *Service) read(f Fields) (r request, err error) {
	if r.bucket, err = bucket(f.Bucket); err != nil {
		return r, err
	}
	if r.externalID, err = externalID(f.ExternalID); err != nil {
		return r, err
	}
	if r.metadata, err = Metadata([]byte(f.Metadata)); err != nil {
		return r, err
	}
	r.variants, err = s.wanted(f.Preset, f.Variants)
	return r, err
}

// wanted is the list of variants a request asks for: a preset's, its own, or the
// default's, each of which the renderer can do.
func (s *Service) wanted(preset, variants string) (list []transform.Variant, err error) {
	switch {
	case preset != "" && variants != "":
		return nil, core.InvalidVariants.Errorf("the request has both preset and variants; send one of them")
	case variants != "":
		if list, err = transform.ParseVariants([]byte(variants)); err != nil {
			return nil, err
		}
	default:
		if preset == "" {
			preset = DefaultPreset
		}
		var ok bool
		if list, ok = s.Presets()[preset]; !ok {
			known := slices.Sorted(maps.Keys(s.Presets()))
			return nil, core.UnknownPreset.Errorf("there is no preset %q; there are %s", clip(preset), strings.Join(known, ", ")).With("allowed", known)
		}
	}
	for _, v := range list {
		if err := s.Render.Check(v.Spec); err != nil {
			return nil, naming(v.Name, err)
		}
	}
	return list, nil
}

// naming adds the variant's name to what is wrong with it.
func naming(name string, err error) error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		return err
	}
	e = e.With("variant", name)
	e.Detail = "variant " + name + ": " + e.Detail
	return e
}

var buckets = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9._-]+)*$`)

// Bucket checks a bucket's name; the empty name is the bucket default.
func bucket(name string) (string, error) {
	if name == "" {
		return "default", nil
	}
	if len(name) > 128 || !buckets.MatchString(name) || strings.Contains(name, "..") {
		return "", core.InvalidParameter.Errorf("%q cannot name a bucket: use 1 to 128 of a-z, 0-9, dot, _, - and /, beginning with a letter or digit, without .. or empty segments", clip(name)).With("parameter", "bucket")
	}
	return name, nil
}

func externalID(id string) (string, error) {
	if len(id) > maxExternalID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return "", core.InvalidParameter.Errorf("an external_id has at most %d bytes of UTF-8 without control characters", maxExternalID).With("parameter", "external_id")
	}
	return id, nil
}

// Filename keeps the last segment of a name that came with a file, without what
// would harm a header or a terminal.
func Filename(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	if name == "." || name == "/" || name == ".." {
		return ""
	}
	for len(name) > maxFilename {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// Metadata checks a caller's JSON object and returns it without white space; no
// text is the empty object.
func Metadata(text []byte) (json.RawMessage, error) {
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if len(text) > MaxMetadata {
		return nil, core.InvalidMetadata.Errorf("the metadata has %d bytes; the most is %d", len(text), MaxMetadata).With("limit", MaxMetadata).With("actual", len(text))
	}
	if !utf8.Valid(text) {
		return nil, core.InvalidMetadata.Errorf("the metadata is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	w := walk{dec: dec, members: maxMembers}
	if err := w.object(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, core.InvalidMetadata.Errorf("something follows the JSON object of the metadata")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, core.InvalidMetadata.Errorf("the metadata is not valid JSON").Because(err)
	}
	return compact.Bytes(), nil
}

// walk reads JSON once and counts on the way.
type walk struct {
	dec     *json.Decoder
	depth   int
	members int // still allowed
}

func (w *walk) object() error {
	if t, err := w.token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return core.InvalidMetadata.Errorf("the metadata is not a JSON object")
	}
	return w.rest('{')
}

// rest reads what is left of an object or a list, down to its end.
func (w *walk) rest(open json.Delim) error {
	if w.depth++; w.depth > maxDepth {
		return core.InvalidMetadata.Errorf("the metadata is more than %d levels deep", maxDepth).With("limit", maxDepth)
	}
	seen := map[string]bool{}
	for w.dec.More() {
		if open == '{' {
			if err := w.member(seen); err != nil {
				return err
			}
		}
		t, err := w.token()
		if err != nil {
			return err
		}
		if d, ok := t.(json.Delim); ok {
			if err := w.rest(d); err != nil {
				return err
			}
		}
	}
	w.depth--
	_, err := w.token()
	return err
}

func (w *walk) member(seen map[string]bool) error {
	t, err := w.token()
	if err != nil {
		return err
	}
	name, _ := t.(string)
	if seen[name] {
		return core.InvalidMetadata.Errorf("the metadata has the member %q twice in one object", clip(name))
	}
	seen[name] = true
	if w.members--; w.members < 0 {
		return core.InvalidMetadata.Errorf("the metadata has more than %d members", maxMembers).With("limit", maxMembers)
	}
	return nil
}

func (w *walk) token() (json.Token, error) {
	t, err := w.dec.Token()
	if err != nil {
		return nil, core.InvalidMetadata.Errorf("the metadata is not valid JSON").Because(err)
	}
	return t, nil
}

func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}
