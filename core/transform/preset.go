package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"imgd/core"
)

// Variant is a rendition with the name callers ask for it by. Lists of them are
// sorted by name.
type Variant struct {
	Name string
	Spec Spec
}

// MaxVariants is how many variants one list may have.
const MaxVariants = 32

// maxVariantsBytes is room for the longest names and transforms, all escaped.
const maxVariantsBytes = 1 << 18

var variantName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// DefaultPreset returns what is made of an image when the caller does not say:
// the longest side at most 150, 600, 1200 and 4096 pixels, never enlarged.
func DefaultPreset() []Variant {
	side := func(name string, n int) Variant {
		s := Default()
		s.W, s.H = n, n
		return Variant{name, s}
	}
	return []Variant{side("large", 1200), side("medium", 600), side("original", 4096), side("thumbnail", 150)}
}

// ParseVariants reads a JSON object of name: transform. What is wrong with its
// shape or a name is an InvalidVariants; a transform that cannot be read is an
// InvalidTransform with one fact more, variant.
func ParseVariants(data []byte) ([]Variant, error) {
	if len(data) > maxVariantsBytes {
		return nil, core.InvalidVariants.Errorf("the variants have %d bytes; the most is %d", len(data), maxVariantsBytes).
			With("limit", maxVariantsBytes).With("actual", len(data))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, core.InvalidVariants.Errorf("variants are a JSON object of name: transform").Because(err)
	}
	var list []Variant
	for dec.More() {
		v, err := readVariant(dec)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(o Variant) bool { return o.Name == v.Name }) {
			return nil, core.InvalidVariants.Errorf("the variant %s stands twice", v.Name).With("variant", v.Name)
		}
		if len(list) == MaxVariants {
			return nil, core.InvalidVariants.Errorf("there are more than %d variants; name fewer", MaxVariants).With("limit", MaxVariants)
		}
		list = append(list, v)
	}
	if _, err := dec.Token(); err != nil {
		return nil, broken(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, core.InvalidVariants.Errorf("something follows the JSON object of the variants").Because(err)
	}
	if len(list) == 0 {
		return nil, core.InvalidVariants.Errorf("there are no variants; name at least one")
	}
	return sorted(list), nil
}

// readVariant takes one name and its transform.
func readVariant(dec *json.Decoder) (Variant, error) {
	t, err := dec.Token()
	if err != nil {
		return Variant{}, broken(err)
	}
	name, _ := t.(string)
	if !variantName.MatchString(name) {
		return Variant{}, core.InvalidVariants.Errorf(
			"%q cannot name a variant: use 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit", clip(name)).With("variant", clip(name))
	}
	if t, err = dec.Token(); err != nil {
		return Variant{}, broken(err)
	}
	text, ok := t.(string)
	if !ok {
		return Variant{}, core.InvalidVariants.Errorf("the transform of %s is not a string", name).With("variant", name)
	}
	s, err := Parse(text)
	if e, ok := errors.AsType[*core.Error](err); ok {
		e = e.With("variant", name)
		e.Detail = "variant " + name + ": " + e.Detail
		return Variant{}, e
	}
	return Variant{name, s}, err
}

func broken(err error) error {
	return core.InvalidVariants.Errorf("the variants are not valid JSON").Because(err)
}

// EncodeVariants writes the one JSON form of a list, which ParseVariants reads.
func EncodeVariants(list []Variant) []byte {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, v := range sorted(list) {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%q", v.Name, v.Spec)
	}
	b.WriteByte('}')
	return b.Bytes()
}

// SpecDigest names a list: the SHA-256, in hex, of its lines name=canonical form
// in the order of the names. Equal lists ask for the same work.
func SpecDigest(list []Variant) string {
	h := sha256.New()
	for _, v := range sorted(list) {
		fmt.Fprintf(h, "%s=%s\n", v.Name, v.Spec)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sorted returns a copy in the order of the names.
func sorted(list []Variant) []Variant {
	return slices.SortedFunc(slices.Values(list), func(a, b Variant) int { return strings.Compare(a.Name, b.Name) })
}
