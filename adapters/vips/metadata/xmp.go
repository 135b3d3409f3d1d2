package metadata

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"imgd/core/transform"
)

// Name spaces of XMP.
const (
	nsRDF   = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
	nsDC    = "http://purl.org/dc/elements/1.1/"
	nsTIFF  = "http://ns.adobe.com/tiff/1.0/"
	nsXMP   = "http://ns.adobe.com/xap/1.0/"
	nsNote  = "http://ns.adobe.com/xmp/note/"
	nsXML   = "http://www.w3.org/XML/1998/namespace"
	maxXMP  = 2 << 20
	maxDeep = 64
)

var errXMP = errors.New("the XMP is not what it should be")

// chooseXMP reads a packet and writes what m keeps of it.
func chooseXMP(m transform.Meta, packet []byte) []byte {
	packet = bytes.Trim(packet, "\x00")
	if len(packet) == 0 || len(packet) > maxXMP {
		return nil
	}
	var out []byte
	var err error
	if m == transform.MetaCopyright {
		out, err = rights(packet)
	} else {
		out, err = without(packet, func(n xml.Name) bool {
			return n.Space == nsTIFF && n.Local == "Orientation" || n.Space == nsXMP && n.Local == "Thumbnails" ||
				n.Space == nsNote || m == transform.MetaNoGPS && tellsPlace(n.Local)
		})
	}
	if err != nil {
		return nil
	}
	return out
}

// tellsPlace knows the names of coordinates, in whichever name space: drones and
// telephones have theirs.
func tellsPlace(name string) bool {
	name = strings.ToLower(name)
	return strings.HasPrefix(name, "gps") || strings.Contains(name, "latitude") || strings.Contains(name, "longitude")
}

// without is the packet less the properties that are not wanted. What is left is
// left as it was written.
func without(packet []byte, unwanted func(xml.Name) bool) ([]byte, error) {
	d := xml.NewDecoder(bytes.NewReader(packet))
	var out []byte
	copied := 0
	for deep := 0; ; {
		from := int(d.InputOffset())
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return append(out, packet[copied:]...), nil
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.Directive:
			return nil, errXMP // a document type has no place here
		case xml.Comment:
			out = append(out, packet[copied:from]...)
			copied = int(d.InputOffset())
		case xml.EndElement:
			deep--
		case xml.StartElement:
			if deep++; deep > maxDeep {
				return nil, errXMP
			}
			out = append(out, packet[copied:from]...)
			copied = from
			if unwanted(t.Name) {
				if err := d.Skip(); err != nil {
					return nil, err
				}
				deep--
				copied = int(d.InputOffset())
				continue
			}
			tag, err := less(packet[from:d.InputOffset()], t.Attr, unwanted)
			if err != nil {
				return nil, err
			}
			out = append(out, tag...)
			copied = int(d.InputOffset())
		}
	}
}

// less is a start tag less the attributes that are not wanted.
func less(tag []byte, attrs []xml.Attr, unwanted func(xml.Name) bool) ([]byte, error) {
	var out []byte
	copied, at := 0, 1
	for at < len(tag) && !space(tag[at]) && tag[at] != '>' && tag[at] != '/' {
		at++ // over the name of the element
	}
	for _, a := range attrs {
		from := at
		for at < len(tag) && tag[at] != '"' && tag[at] != '\'' {
			at++
		}
		if at == len(tag) {
			return nil, errXMP
		}
		n := bytes.IndexByte(tag[at+1:], tag[at])
		name, _, _ := bytes.Cut(tag[from:at], []byte("="))
		if n < 0 || !strings.HasSuffix(strings.TrimSpace(string(name)), a.Name.Local) {
			return nil, errXMP
		}
		at += n + 2
		if unwanted(a.Name) {
			out = append(out, tag[copied:from]...)
			copied = at
		}
	}
	return append(out, tag[copied:]...), nil
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// right is what dc:rights says in one language.
type right struct{ lang, text string }

// rights is a packet that says dc:rights as the packet does, and nothing else.
func rights(packet []byte) ([]byte, error) {
	list, err := findRights(packet)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(`<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="` + nsRDF +
		`"><rdf:Description rdf:about="" xmlns:dc="` + nsDC + `"><dc:rights><rdf:Alt>`)
	for _, r := range list {
		b.WriteString(`<rdf:li xml:lang="`)
		_ = xml.EscapeText(&b, []byte(r.lang)) // a buffer takes everything
		b.WriteString(`">`)
		_ = xml.EscapeText(&b, []byte(r.text))
		b.WriteString(`</rdf:li>`)
	}
	b.WriteString(`</rdf:Alt></dc:rights></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`)
	return b.Bytes(), nil
}

func findRights(packet []byte) (list []right, err error) {
	d := xml.NewDecoder(bytes.NewReader(packet))
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		e, ok := t.(xml.StartElement)
		if !ok {
			continue
		}
		for _, a := range e.Attr {
			if a.Name == (xml.Name{Space: nsDC, Local: "rights"}) {
				list = append(list, right{"x-default", a.Value})
			}
		}
		if e.Name != (xml.Name{Space: nsDC, Local: "rights"}) {
			continue
		}
		said, err := readRights(d)
		if err != nil {
			return nil, err
		}
		if list = append(list, said...); len(list) > maxDeep {
			return nil, errXMP
		}
	}
}

// readRights reads the element whose start was read: a text, or alternatives.
func readRights(d *xml.Decoder) (list []right, err error) {
	now := right{lang: "x-default"}
	for deep := 1; deep > 0; {
		t, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if deep++; deep > maxDeep || len(list) > maxDeep {
				return nil, errXMP
			}
			now = right{lang: "x-default"}
			for _, a := range t.Attr {
				if a.Name.Local == "lang" && (a.Name.Space == nsXML || a.Name.Space == "xml") {
					now.lang = a.Value
				}
			}
		case xml.CharData:
			now.text += string(t)
		case xml.EndElement:
			if deep--; strings.TrimSpace(now.text) != "" {
				list = append(list, now)
			}
			now = right{lang: "x-default"}
		}
	}
	return list, nil
}
