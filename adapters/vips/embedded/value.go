package embedded

import (
	"math"
	"reflect"
	"strings"
	"unicode"
)

// undefined is what a number without a meaning is read as.
const undefined = "undef"

// plain is a tag's value as a document has it, if it can be said at all.
func plain(v any) (any, bool) {
	switch v := v.(type) {
	case nil, bool, error:
		return nil, false
	case string:
		s := clean(v)
		return s, s != "" && s != undefined
	case interface{ Float64() float64 }:
		return finite(v.Float64())
	}
	switch n := reflect.ValueOf(v); {
	case n.CanInt():
		return n.Int(), true
	case n.CanUint():
		return n.Uint(), true
	case n.CanFloat():
		return finite(n.Float())
	case n.Kind() == reflect.Slice && n.Type().Elem().Kind() != reflect.Uint8:
		return list(n)
	}
	return nil, false
}

func finite(f float64) (any, bool) { return f, !math.IsNaN(f) && !math.IsInf(f, 0) }

func list(n reflect.Value) (any, bool) {
	var items []any
	for i := range min(n.Len(), maxList) {
		item, ok := plain(n.Index(i).Interface())
		if _, nested := item.([]any); ok && !nested {
			items = append(items, item)
		}
	}
	return items, len(items) > 0
}

// clean is a text on one line, in valid UTF-8, without what would harm a terminal.
func clean(s string) string {
	s = strings.ToValidUTF8(s[:min(len(s), maxText)], "")
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}
