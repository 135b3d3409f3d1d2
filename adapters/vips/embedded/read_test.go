package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// entry is a tag of a directory: a text, numbers of 16 or of 32 bits.
type entry struct {
	tag  uint16
	kind uint16 // 2 text, 3 short, 4 long, 5 rational, 7 anything
	n    uint32
	data []byte
}

func text(tag uint16, s string) entry { return entry{tag, 2, uint32(len(s)), []byte(s)} }

func long(tag uint16, n uint32) entry {
	return entry{tag, 4, 1, binary.BigEndian.AppendUint32(nil, n)}
}

func rational(tag uint16, parts ...uint32) entry {
	e := entry{tag, 5, uint32(len(parts) / 2), nil}
	for _, n := range parts {
		e.data = binary.BigEndian.AppendUint32(e.data, n)
	}
	return e
}

// directory writes an IFD that begins at a place, and what does not fit into it.
func directory(at int, entries ...entry) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(len(entries)))
	var heap []byte
	for _, e := range entries {
		b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, e.tag), e.kind)
		b = binary.BigEndian.AppendUint32(b, e.n)
		if len(e.data) <= 4 {
			b = append(b, append(slices.Clone(e.data), 0, 0, 0, 0)[:4]...)
			continue
		}
		b = binary.BigEndian.AppendUint32(b, uint32(at+2+12*len(entries)+4+len(heap)))
		heap = append(heap, e.data...)
	}
	return append(append(b, 0, 0, 0, 0), heap...)
}

const head = "MM\x00*\x00\x00\x00\x08"

func exif(entries ...entry) []byte {
	return append([]byte("Exif\x00\x00"+head), directory(8, entries...)...)
}

// camera is the EXIF of a photo with its place.
func camera() []byte {
	first := []entry{text(0x010f, "Acme\x00"), text(0x0110, "Snapper  9\x00"), {0x0112, 3, 1, []byte{0, 6}}, long(0x8769, 0), long(0x8825, 0)}
	ifd0 := directory(8, first...)
	inner := []entry{rational(0x829a, 1, 250), rational(0x829d, 28, 10), {0x8827, 3, 1, []byte{0, 200}}, text(0x9003, "2026:07:01 12:30:00\x00"), {0x927c, 7, 9, []byte("secret!!!")}}
	at := 8 + len(ifd0)
	sub := directory(at, inner...)
	gps := directory(at+len(sub), text(1, "N\x00"), rational(2, 47, 1, 30, 1, 0, 1), text(3, "E\x00"), rational(4, 8, 1, 15, 1, 0, 1))
	first[3], first[4] = long(0x8769, uint32(at)), long(0x8825, uint32(at+len(sub)))
	return slices.Concat([]byte("Exif\x00\x00"+head), directory(8, first...), sub, gps)
}

// record is one of IPTC.
func record(set byte, s string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x1c, 2, set}, uint16(len(s))), s...)
}

func packet(body string) []byte {
	return []byte(`<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">` +
		`<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:drone="http://www.dji.com/drone-dji/1.0/">` +
		body + `</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`)
}

type tags map[string]map[string]any

// read returns the document, once Check has found it sound.
func read(t *testing.T, b Blocks, keepGPS bool) (doc tags) {
	t.Helper()
	text := Read(b, keepGPS)
	if text == nil {
		return nil
	}
	checked, err := Check(text, keepGPS)
	if err != nil {
		t.Fatalf("what was read is not sound: %v\n%.300s", err, text)
	}
	if err := json.Unmarshal(checked, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func (d tags) must(t *testing.T, source, tag string, want any) {
	t.Helper()
	if got := d[source][tag]; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s %s is %v, want %v", source, tag, got, want)
	}
}

func TestWhatACameraSaysIsRead(t *testing.T) {
	for name, block := range map[string][]byte{"as in a JPEG": camera(), "as in a PNG": camera()[6:]} {
		doc := read(t, Blocks{EXIF: block}, true)
		for tag, want := range map[string]any{
			"Make": "Acme", "Model": "Snapper  9", "Orientation": 6, "ExposureTime": 0.004, "FNumber": 2.8, "ISO": 200,
			"DateTimeOriginal": "2026:07:01 12:30:00", "GPSLatitude": 47.5, "GPSLatitudeRef": "N", "GPSLongitude": 8.25,
		} {
			doc.must(t, "exif", tag, want)
		}
		if bytes.Contains(Read(Blocks{EXIF: block}, true), []byte("secret")) {
			t.Errorf("%s: the notes of the maker are read", name)
		}
	}
}

func TestIPTCAndXMPAreRead(t *testing.T) {
	records := slices.Concat(record(105, "Lake at dawn"), record(25, "lake"), record(25, "dawn"), record(80, "Ann"))
	resources := append(binary.BigEndian.AppendUint32([]byte("8BIM\x04\x04\x00\x00"), uint32(len(records))), records...)
	for name, block := range map[string][]byte{"records": records, "resources": resources, "as in a JPEG": append([]byte(photoshop), resources...)} {
		t.Run(name, func(t *testing.T) {
			doc := read(t, Blocks{IPTC: block}, false)
			doc.must(t, "iptc", "Headline", "Lake at dawn")
			doc.must(t, "iptc", "Keywords", "[lake dawn]")
			doc.must(t, "iptc", "By-line", "Ann")
		})
	}
	doc := read(t, Blocks{XMP: packet(`<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator><dc:rights>(c) "Ann" &amp; &lt;Bob&gt;</dc:rights>`)}, false)
	doc.must(t, "xmp", "Creator", "[Ann Bob]")
	doc.must(t, "xmp", "Rights", `(c) "Ann" & <Bob>`)
}

func TestWithoutLeaveNoPlaceIsRead(t *testing.T) {
	b := Blocks{EXIF: camera(), XMP: packet(`<exif:GPSLatitude>47,30.0N</exif:GPSLatitude><drone:GpsLongtitude>8.25</drone:GpsLongtitude><drone:RelativeAltitude>+12</drone:RelativeAltitude><dc:title>Lake</dc:title>`)}
	kept := read(t, b, true)
	kept.must(t, "xmp", "GPSLatitude", 47.5)
	kept.must(t, "xmp", "GpsLongtitude", "8.25")
	doc := read(t, b, false)
	doc.must(t, "exif", "Make", "Acme")
	doc.must(t, "xmp", "Title", "Lake")
	for source := range doc {
		for tag, v := range doc[source] {
			if located.MatchString(tag) {
				t.Errorf("%s %s = %v is read", source, tag, v)
			}
		}
	}
	if _, err := Check(Read(b, true), false); err == nil {
		t.Error("Check lets a place pass that nobody may know")
	}
}

func TestTextsAreMadeFitToBeShown(t *testing.T) {
	doc := read(t, Blocks{EXIF: exif(text(0x010e, "a\x1b[31mb\r\nc\u202ed\xff\xfee\x00\x00")), XMP: packet("<dc:title>x\ny\u200fz</dc:title>")}, false)
	for source, tag := range map[string]string{"exif": "ImageDescription", "xmp": "Title"} {
		got, _ := doc[source][tag].(string)
		if got == "" || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%s %s is %q, want printable text", source, tag, got)
		}
	}
	doc = read(t, Blocks{XMP: packet("<dc:title>" + strings.Repeat("ä", 3000) + "</dc:title>")}, false)
	if got, _ := doc["xmp"]["Title"].(string); len(got) != maxText || !utf8.ValidString(got) {
		t.Errorf("a text of 6000 bytes has %d, want %d", len(got), maxText)
	}
}

// flood is EXIF that says more than a document can have.
func flood() []byte {
	var all []entry
	for i := range 400 {
		all = append(all, text(uint16(0x9c9b+i%5), strings.Repeat("x", 700)))
		all = append(all, text(uint16(0x010d+i), strings.Repeat("y", 700)))
	}
	return exif(all...)
}

func TestADocumentHasItsLimitsHoweverMuchAFileSays(t *testing.T) {
	var many, nested strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&many, "<dc:t%d>some text</dc:t%d>", i, i)
		nested.WriteString("<dc:a>")
	}
	b := Blocks{EXIF: flood(), IPTC: bytes.Repeat(record(25, strings.Repeat("k", 100)), 500), XMP: packet(many.String())}
	doc := read(t, b, false)
	if n := len(Read(b, false)); n > MaxBytes || n < 1000 {
		t.Errorf("the document has %d bytes, want some, and at most %d", n, MaxBytes)
	}
	if n := len(doc["xmp"]); n > maxTags {
		t.Errorf("there are %d tags of XMP, want at most %d", n, maxTags)
	}
	if list, _ := doc["iptc"]["Keywords"].([]any); len(list) > maxList {
		t.Errorf("there are %d keywords, want at most %d", len(list), maxList)
	}
	for name, xmp := range map[string][]byte{
		"nested": packet(nested.String()), "too long": packet(strings.Repeat(" ", maxXMP)),
		"entities": []byte(`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x:xmpmeta xmlns:x="adobe:ns:meta/">&b;</x:xmpmeta>`),
	} {
		if doc := read(t, Blocks{XMP: xmp}, false); len(doc["xmp"]) != 0 {
			t.Errorf("%s: %d tags are read, want none", name, len(doc["xmp"]))
		}
	}
}

// circles are directories that point at each other and back, thousands of times.
func circles() []byte {
	var pointers []byte
	for range 1000 {
		pointers = binary.BigEndian.AppendUint32(pointers, 8)
	}
	all := []entry{{0x014a, 4, 1000, pointers}, long(0x8769, 8)}
	for range 5000 {
		all = append(all, entry{0xfff0, 7, 0x20000, []byte{0, 0, 0, 8}})
	}
	return exif(all...)
}

func TestAFileThatGoesRoundInCirclesIsReadForAMoment(t *testing.T) {
	began := time.Now()
	Read(Blocks{EXIF: circles()}, true)
	Read(Blocks{EXIF: flood()}, true)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestDamagedBlocksAreNoHarm(t *testing.T) {
	whole := Blocks{EXIF: camera(), IPTC: record(105, "Lake"), XMP: packet("<dc:title>Lake</dc:title>")}
	for i := range len(whole.XMP) {
		cut := Blocks{EXIF: whole.EXIF[:min(i, len(whole.EXIF))], IPTC: whole.IPTC[:min(i, len(whole.IPTC))], XMP: whole.XMP[:i]}
		read(t, cut, true)
	}
	if doc := read(t, Blocks{EXIF: append(camera(), 1), XMP: []byte("<broken")}, false); doc["exif"]["Make"] != "Acme" {
		t.Error("damaged XMP takes the EXIF with it")
	}
	for _, b := range []Blocks{{}, {EXIF: []byte("Exif\x00\x00")}, {EXIF: []byte("GIF89a")}, {XMP: []byte("  ")}, {IPTC: []byte("x")}} {
		if got := Read(b, false); got != nil {
			t.Errorf("%q says %s", b, got)
		}
	}
}

// FuzzRead shows that no block harms, and that what is read of it passes the checks.
func FuzzRead(f *testing.F) {
	f.Add(camera(), record(105, "Lake"), packet("<dc:title>Lake</dc:title>"))
	f.Add(circles(), []byte(photoshop), []byte("<x/>"))
	f.Fuzz(func(t *testing.T, exif, iptc, xmp []byte) {
		began := time.Now()
		read(t, Blocks{exif, iptc, xmp}, false)
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
