package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"
)

// Bounds of a caller's metadata.
const (
	MaxMetadata = 64 << 10
	maxDepth    = 16
	maxMembers  = 256
)

// Metadata checks a caller's JSON object and returns it without white space; no
// text is the empty object.
func Metadata(text []byte) (json.RawMessage, error) {
	if len(text) == 0 {
		return json.RawMessage("{}"), nil
	}
	if len(text) > MaxMetadata {
		return nil, InvalidMetadata.Errorf("the metadata has %d bytes; the most is %d", len(text), MaxMetadata).With("limit", MaxMetadata).With("actual", len(text))
	}
	if !utf8.Valid(text) {
		return nil, InvalidMetadata.Errorf("the metadata is not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	w := walk{dec: dec, members: maxMembers}
	if err := w.object(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, InvalidMetadata.Errorf("something follows the JSON object of the metadata")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, InvalidMetadata.Errorf("the metadata is not valid JSON").Because(err)
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
		return InvalidMetadata.Errorf("the metadata is not a JSON object")
	}
	return w.rest('{')
}

// rest reads what is left of an object or a list, down to its end.
func (w *walk) rest(open json.Delim) error {
	if w.depth++; w.depth > maxDepth {
		return InvalidMetadata.Errorf("the metadata is more than %d levels deep", maxDepth).With("limit", maxDepth)
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
		return InvalidMetadata.Errorf("the metadata has the member %q twice in one object", clip(name, 40))
	}
	seen[name] = true
	if w.members--; w.members < 0 {
		return InvalidMetadata.Errorf("the metadata has more than %d members", maxMembers).With("limit", maxMembers)
	}
	return nil
}

func (w *walk) token() (json.Token, error) {
	t, err := w.dec.Token()
	if err != nil {
		return nil, InvalidMetadata.Errorf("the metadata is not valid JSON").Because(err)
	}
	return t, nil
}
