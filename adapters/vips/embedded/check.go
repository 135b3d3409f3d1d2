package embedded

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Check judges a document as if an attacker had written it, and returns it fit to be
// kept. Its error says what no honest reader writes.
func Check(text []byte, keepGPS bool) (json.RawMessage, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("the metadata has %d bytes", len(text))
	}
	var d document
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&d); err != nil {
		return nil, fmt.Errorf("the metadata is not what it should be: %w", err)
	}
	if _, err := in.Token(); err != io.EOF { //nolint:errorlint // the reader's own end
		return nil, fmt.Errorf("something follows the metadata")
	}
	if d.empty() {
		return nil, fmt.Errorf("the metadata is empty")
	}
	for _, tags := range []*map[string]any{&d.EXIF, &d.IPTC, &d.XMP} {
		if *tags == nil {
			*tags = map[string]any{}
		}
		if err := check(*tags, keepGPS); err != nil {
			return nil, err
		}
	}
	kept, err := encode(d)
	if err == nil && len(kept) > MaxBytes {
		err = fmt.Errorf("the metadata comes to %d bytes", len(kept))
	}
	return kept, err
}

func check(tags map[string]any, keepGPS bool) error {
	if len(tags) > maxTags {
		return fmt.Errorf("there are %d tags", len(tags))
	}
	for name, v := range tags {
		switch {
		case !named.MatchString(name):
			return fmt.Errorf("a tag is called %.70q", name)
		case !keepGPS && located.MatchString(name):
			return fmt.Errorf("the tag %s tells a place, which nobody may know", name)
		case !sound(v):
			return fmt.Errorf("the tag %s has a value that none can have", name)
		}
	}
	return nil
}

// sound reports whether a value is a text, a number, or a list of those.
func sound(v any) bool {
	items, ok := v.([]any)
	if !ok {
		return single(v)
	}
	for _, item := range items {
		if !single(item) {
			return false
		}
	}
	return len(items) > 0 && len(items) <= maxList
}

func single(v any) bool {
	switch v := v.(type) {
	case string:
		return v != "" && v == clean(v)
	case float64:
		return true
	}
	return false
}
