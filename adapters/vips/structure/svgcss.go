package structure

import (
	"strings"
)

// A property is a declaration of CSS.
type property struct{ name, value string }

// svgIsolating are the properties that have an element drawn on a surface of its
// own, with the value that does not.
var svgIsolating = map[string]string{
	"opacity": "1", "filter": "none", "mask": "none", "mix-blend-mode": "normal", "isolation": "auto", "clip-path": "none",
}

func (p property) isolates() bool {
	idle, known := svgIsolating[p.name]
	return known && strings.TrimSpace(p.value) != idle
}

// declarations are those of a style attribute, or the one that any other attribute
// is.
func declarations(name, value string) []property {
	if name != "style" {
		return []property{{name, value}}
	}
	var list []property
	for part := range strings.SplitSeq(value, ";") {
		name, value, _ := strings.Cut(part, ":")
		list = append(list, property{strings.ToLower(strings.TrimSpace(name)), value})
	}
	// A URL may have a semicolon in it: what the parts miss is in the whole.
	return append(list, property{"style ", value})
}

// urls are the names that url() in a property or a style sheet refers to, all of
// which have to be in the same document. Escapes could hide others.
func urls(css string, sheet bool) (names []string, err error) {
	lower := lowered(css)
	if strings.Contains(css, `\`) && (sheet || strings.Contains(lower, "(")) {
		return nil, notAllowed("an escape (a backslash) in its style", "write the character itself")
	}
	for {
		_, rest, found := strings.Cut(lower, "url(")
		if !found {
			return names, nil
		}
		start := len(css) - len(rest)
		target, _, _ := strings.Cut(css[start:], ")")
		target = strings.Trim(target, " \t\r\n\"'")
		switch {
		case strings.HasPrefix(target, "#"):
			names = append(names, target[1:])
		case sheet && isFont(target): // nothing is drawn with it
		case target != "":
			return nil, external(target)
		}
		lower = rest
	}
}

// lowered is as long as s, which the ordinary way does not promise.
func lowered(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// isFont reports whether it is an embedded font, of which no part is referred to.
func isFont(target string) bool {
	t := strings.ToLower(target)
	return (strings.HasPrefix(t, "data:font/") || strings.HasPrefix(t, "data:application/")) && !strings.Contains(t, "#")
}

// cssKind is the property that stands for a whole style sheet: the one whose
// references are drawn most often.
func cssKind(css string) string {
	if strings.Contains(css, "marker") {
		return "marker"
	}
	return "fill"
}
