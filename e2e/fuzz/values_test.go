package fuzz

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

func pick[T any](t *rapid.T, label string, from ...T) T {
	return rapid.SampledFrom(from).Draw(t, label)
}

// once in n, more or less.
func oneIn(t *rapid.T, n int, label string) bool { return rapid.IntRange(1, n).Draw(t, label) == n }

var (
	// transforms are written well, but for the last few.
	transforms = []string{
		"w=20,fmt=webp", "w=8,h=8,fit=cover,fmt=png", "fmt=jpeg,q=50", "w=10,blur=2,gray=1", "rot=90,w=5", "w=30,up=1,bg=ff0000,pad=1:2:3:4", "",
		"w=-1", "widht=1", "w=1,w=2", "fmt=jxl", "wm=0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e:center:0.5:0.5:0", "w=99999999999999999999", "🙂=1", "w=%zz", ",,,", strings.Repeat("w=1,", 500),
	}
	// oddities are texts that are handled badly somewhere. A refusal may repeat them, so
	// that none may look like our insides.
	oddities = []string{
		"", " ", "0", "-1", "1e9", "9223372036854775808", "NaN", "null", "true", "[]", "{}", "'", `"`, `\`, "%00", "\x00", "\n", "\r\nX: y", "..", "../../x", "a/b", "*",
		"ß", "日本語", "🙂", "e\u0301", "\u202e", "\ufeff", "\u2028", "\xff\xfe", "<script>", "'; DROP TABLE images;--", "{{7*7}}", "${x}", "2026-13-01T00:00:00Z", "0000-00-00T00:00:00Z",
		"9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "2026-08-01T12:00:00+23:59", "00000000-0000-0000-0000-000000000000", strings.Repeat("a", 300), strings.Repeat("日", 300),
	}
)

// value is one that a schema lets pass, as its keywords say. What only its description
// says, hints know.
func (s *session) value(t *rapid.T, name string, schema *openapi3.Schema) any {
	if v, ok := s.hint(t, name, schema); ok {
		return v
	}
	switch {
	case len(schema.Enum) > 0:
		return pick(t, name, schema.Enum...)
	case len(schema.OneOf) > 0:
		return s.value(t, "", pick(t, name, schema.OneOf...).Value)
	case schema.Type == nil:
		return anything(t, 2)
	}
	switch pick(t, "type", schema.Type.Slice()...) {
	case openapi3.TypeString:
		return s.text(t, schema)
	case openapi3.TypeBoolean:
		return rapid.Bool().Draw(t, name)
	case openapi3.TypeInteger, openapi3.TypeNumber:
		low, high := int64(-1000), int64(1000)
		if schema.Min != nil {
			low = int64(*schema.Min)
		}
		if schema.Max != nil {
			high = int64(*schema.Max)
		}
		return pick(t, name, low, max(low, high), rapid.Int64Range(low, max(low, high)).Draw(t, name))
	case openapi3.TypeArray:
		list := []any{}
		for range rapid.IntRange(int(schema.MinItems), int(schema.MinItems)+3).Draw(t, "items") {
			if v := s.value(t, "", schema.Items.Value); !schema.UniqueItems || !slices.Contains(list, v) {
				list = append(list, v)
			}
		}
		return list
	case openapi3.TypeObject:
		return s.object(t, schema)
	}
	return nil
}

func (s *session) text(t *rapid.T, schema *openapi3.Schema) string {
	most := 60
	if schema.MaxLength != nil {
		most = min(most, int(*schema.MaxLength))
	}
	switch {
	case schema.Format == "uuid":
		return s.id(t)
	case schema.Format == "date-time":
		return pick(t, "time", "2020-01-01T00:00:00Z", "2030-06-01T12:00:00.123456Z", "2035-01-01T00:00:00+02:00", "2026-08-01T12:00:00-07:00")
	case schema.Pattern != "":
		return clipped(rapid.StringMatching(schema.Pattern).Draw(t, "text"), most)
	}
	return rapid.StringN(int(schema.MinLength), most, -1).Draw(t, "text")
}

// clipped keeps what a pattern has let pass in its length; it may no longer pass then,
// which is found out where it matters.
func clipped(text string, runes int) string {
	r := []rune(text)
	return strings.TrimRight(string(r[:min(len(r), runes)]), "/")
}

func (s *session) object(t *rapid.T, schema *openapi3.Schema) map[string]any {
	m := map[string]any{}
	names := slices.Sorted(maps.Keys(schema.Properties))
	for _, name := range names {
		if slices.Contains(schema.Required, name) || oneIn(t, 2, "has "+name) {
			m[name] = s.value(t, name, schema.Properties[name].Value)
		}
	}
	for len(m) < int(schema.MinProps) && len(names) > 0 {
		name := pick(t, "property", names...)
		m[name] = s.value(t, name, schema.Properties[name].Value)
	}
	return m
}

// hint is a value of a name that means more than its schema can say.
func (s *session) hint(t *rapid.T, name string, schema *openapi3.Schema) (any, bool) {
	switch name {
	case "variants":
		if schema.Type.Is(openapi3.TypeArray) {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 2, rapid.ID[string]).Draw(t, name), true
		}
		m := map[string]any{}
		for range rapid.IntRange(1, 3).Draw(t, "variants") {
			m[pick(t, "variant", "a", "b", "square", "thumbnail", "x_1-y", "Z", "ä")] = pick(t, "transform", transforms...)
		}
		return m, true
	case "preset":
		return pick(t, name, "default", "default", "nope"), true
	case "metadata":
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			m[rapid.StringN(0, 8, -1).Draw(t, "member")] = anything(t, 3)
		}
		return m, true
	case "bucket":
		return pick(t, name, "default", "press", "albums/summer", "a..b"), true
	case "owner", "actor":
		return pick(t, name, "ann", "local", "worker:x", "日本"), true
	case "expires_at":
		return pick(t, name, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), "2035-01-01T00:00:00Z", "2020-01-01T00:00:00Z", "0001-01-01T00:00:00Z"), true
	case "wait":
		return pick(t, name, 0, 0, 1), true // so that a run ends today
	case "expires_in":
		return pick(t, name, 1, 3600, 604800), true
	case "Prefer":
		return pick(t, name, "wait=1", "wait=0", "respond-async, wait=1", "wait", "wait=x;y, wait=1", "return=minimal"), true
	case "cursor":
		return rapid.SampledFrom(append(slices.Clone(s.cursors), "abc", "eyJh")).Draw(t, name), true
	case "Range":
		return pick(t, name, ranges...), true
	case "If-None-Match", "If-Match":
		return rapid.SampledFrom(append(slices.Clone(s.tags), "*", `"1"`, `"x"`, `W/"1"`, "1", `"1", "2"`, `"`)).Draw(t, name), true
	case "Idempotency-Key":
		return pick(t, name, "k1", "k2", "!~", strings.Repeat("k", 255)), true
	}
	return nil, false
}

// names are those of variants; the first is there wherever an image is.
var names = []string{"a", "a", "a", "b", "square", "nope"}

var ranges = []string{"bytes=0-1", "bytes=-1", "bytes=0-0,2-3", "bytes=99999999-", "bytes=5-1", "bytes=", "bytes=0-1,0-1,0-1,0-1", "lines=1-2", "bytes=a-b", "bytes=-0", "bytes=0-99999999999999999999"}

// id is of something that is there, mostly.
func (s *session) id(t *rapid.T) string {
	ids := slices.Concat(s.images, s.images, s.jobs, []string{absent, strings.ToUpper(absent)})
	return rapid.SampledFrom(ids).Draw(t, "id")
}

const absent = "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e"

// anything is some JSON value.
func anything(t *rapid.T, depth int) any {
	kinds := []string{"null", "bool", "number", "text", "odd"}
	if depth > 0 {
		kinds = append(kinds, "list", "object")
	}
	switch pick(t, "kind", kinds...) {
	case "bool":
		return rapid.Bool().Draw(t, "bool")
	case "number":
		return pick[any](t, "number", 0, -1, 1.5, int64(1)<<53+1, json.Number("1e400"), json.Number("123456789012345678901234567890"), json.Number("-0"))
	case "text":
		return rapid.StringN(0, 12, -1).Draw(t, "text")
	case "odd":
		return strings.ToValidUTF8(pick(t, "odd", oddities...), "?")
	case "list":
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, anything(t, depth-1))
		}
		return list
	case "object":
		m := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			m[rapid.StringN(0, 6, -1).Draw(t, "member")] = anything(t, depth-1)
		}
		return m
	}
	return nil
}

// written is a value as a parameter or a field of a form has it.
func written(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// bend puts something else in one place of a value.
func bend(t *rapid.T, v any) any {
	switch v := v.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(v))
		how := "add"
		if len(names) > 0 {
			how = pick(t, "bend", "add", "drop", "below", "replace")
		}
		m := maps.Clone(v)
		switch how {
		case "add":
			m[pick(t, "new", "x", "ID", "__proto__", "ids ", "日本")] = anything(t, 1)
		case "drop":
			delete(m, pick(t, "name", names...))
		case "below":
			name := pick(t, "name", names...)
			m[name] = bend(t, m[name])
		default:
			return anything(t, 2)
		}
		return m
	case []any:
		if how := pick(t, "bend", "add", "many", "empty", "below"); len(v) > 0 && how == "below" {
			list := slices.Clone(v)
			i := rapid.IntRange(0, len(v)-1).Draw(t, "at")
			list[i] = bend(t, list[i])
			return list
		} else if how == "many" {
			return slices.Repeat(append(v, any(absent)), 300)
		} else if how == "empty" {
			return []any{}
		}
		return append(slices.Clone(v), anything(t, 1))
	}
	return anything(t, 2)
}
