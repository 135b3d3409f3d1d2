package structure

import (
	"encoding/xml"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// The size of a document that says nothing of it, as CSS has it for what is
// embedded in a page.
const (
	svgWidth  = 300
	svgHeight = 150
)

var svgLength = regexp.MustCompile(`^\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(px|pt|pc|mm|cm|in|Q|q|em|ex|rem|%)?\s*$`)

// svgUnits are the pixels of each unit, at 96 to the inch.
var svgUnits = map[string]float64{
	"": 1, "px": 1, "pt": 96.0 / 72, "pc": 16, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96, "q": 96 / 101.6, "em": 16, "rem": 16, "ex": 8,
}

// svgSize is the size of a document in pixels: what its root element says, what is
// missing by the ratio of its viewBox, or the viewBox itself.
func svgSize(attrs []xml.Attr) (width, height float64, err error) {
	said := map[string]string{}
	for _, a := range attrs {
		if a.Name.Space == "" {
			said[a.Name.Local] = a.Value
		}
	}
	for _, d := range declarations("style", said["style"]) {
		if d.name == "width" || d.name == "height" {
			said[d.name], _, _ = strings.Cut(d.value, "!")
		}
	}
	box, boxed, err := viewBox(said["viewBox"])
	if err == nil {
		width, err = pixels("width", said["width"])
	}
	if err == nil {
		height, err = pixels("height", said["height"])
	}
	switch {
	case err != nil:
		return 0, 0, err
	case width > 0 && height > 0:
	case width > 0 && boxed:
		height = width * box[3] / box[2]
	case height > 0 && boxed:
		width = height * box[2] / box[3]
	case boxed:
		width, height = box[2], box[3]
	case width > 0:
		height = svgHeight
	case height > 0:
		width = svgWidth
	default:
		width, height = svgWidth, svgHeight
	}
	return width, height, nil
}

// pixels reads a length; 0 is one that depends on what is around the picture.
func pixels(name, value string) (float64, error) {
	if v := strings.TrimSpace(value); v == "" || v == "auto" {
		return 0, nil
	}
	m := svgLength.FindStringSubmatch(value)
	if m == nil {
		return 0, damaged(SVG, "its %s is %.40q, which is no length", name, value)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if m[2] == "%" {
		return 0, nil
	}
	n *= svgUnits[strings.ToLower(m[2])]
	if err != nil || n <= 0 {
		return 0, damaged(SVG, "its %s is %.40q, which is no size", name, value)
	}
	return n, nil
}

func viewBox(value string) (box [4]float64, ok bool, err error) {
	fields := strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	if len(fields) == 0 {
		return box, false, nil
	}
	bad := damaged(SVG, "its viewBox is %.60q, which is no rectangle", value)
	if len(fields) != 4 {
		return box, false, bad
	}
	for i, f := range fields {
		m := svgLength.FindStringSubmatch(f)
		if m == nil || m[2] != "" {
			return box, false, bad
		}
		if box[i], err = strconv.ParseFloat(m[1], 64); err != nil {
			return box, false, bad
		}
	}
	if box[2] <= 0 || box[3] <= 0 {
		return box, false, bad
	}
	return box, true, nil
}

// pixelsOf is a side in whole pixels, at least one.
func pixelsOf(side float64) int64 {
	return int64(math.Min(math.Max(math.Round(side), 1), math.MaxInt32))
}
