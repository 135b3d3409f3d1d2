package structure

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// DrawnAt is an SVG that Walk has accepted as a document of exactly w x h pixels:
// the picture is scaled to them, by each axis for itself. Its text is not drawn.
//
// The document is wrapped in another one, which has the size, and its root is given
// the one it has by itself. What stood before the root is left out.
func DrawnAt(data []byte, w, h int) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		begin := d.InputOffset()
		t, err := d.RawToken()
		if err != nil {
			return nil, damaged(SVG, "its root cannot be found (%.100s)", err.Error())
		}
		root, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		width, height, err := svgSize(root.Attr)
		if err != nil {
			return nil, err
		}
		end := d.InputOffset()
		var b bytes.Buffer
		b.Grow(len(data) + 1024)
		fmt.Fprintf(&b, `<svg xmlns="%s" width="%d" height="%d" viewBox="0 0 %g %g" preserveAspectRatio="none">`, nsSVG, w, h, width, height)
		// Fonts are files, and those are out of reach: boxes would be drawn.
		b.WriteString(`<style>`)
		for _, name := range []string{"text", "flowRoot"} {
			fmt.Fprintf(&b, "%s{display:none!important}", name)
		}
		b.WriteString(`</style>`)
		rootAt(&b, root, width, height, bytes.HasSuffix(data[begin:end], []byte("/>")))
		b.Write(data[end:])
		b.WriteString("</svg>")
		return b.Bytes(), nil
	}
}

// rootAt writes the root's tag with another size.
func rootAt(b *bytes.Buffer, root xml.StartElement, width, height float64, closed bool) {
	style := ""
	b.WriteString("<" + qualified(root.Name))
	for _, a := range root.Attr {
		name := qualified(a.Name)
		switch name {
		case "width", "height", "x", "y":
			continue
		case "style":
			style = strings.TrimRight(a.Value, "; \t\r\n") + ";"
			continue
		}
		fmt.Fprintf(b, ` %s="`, name)
		_ = xml.EscapeText(b, []byte(a.Value)) // a buffer takes all
		b.WriteByte('"')
	}
	fmt.Fprintf(b, ` width="%g" height="%g" style="`, width, height)
	_ = xml.EscapeText(b, []byte(fmt.Sprintf("%swidth:%gpx!important;height:%gpx!important", style, width, height)))
	b.WriteString(`">`)
	if closed {
		b.WriteString("</" + qualified(root.Name) + ">")
	}
}

func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
