package engine

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"imgd/adapters/vips/structure"
	"imgd/core/transform"
)

// What the test plants. A secret that has to go is a word that ends in GONE-.
const (
	byArtist    = "SECRET-artist"
	byCopyright = "SECRET-copyright"
	byMake      = "SECRET-make"
	byNote      = "SECRET-makernote"
	byThumbnail = "SECRET-thumbnail"
	byGPS       = "SECRET-gps"
	byLine      = "SECRET-byline"
	byNotice    = "SECRET-notice"
	byCity      = "SECRET-city"
	byRights    = "SECRET-rights"
	byTitle     = "SECRET-title"
	byPlace     = "SECRET-place"
	byDrone     = "SECRET-drone"
	byPreview   = "SECRET-preview"
	byComment   = "SECRET-comment"
)

var planted = []string{byArtist, byCopyright, byMake, byNote, byThumbnail, byGPS, byLine, byNotice, byCity, byRights, byTitle, byPlace, byDrone, byPreview, byComment}

// exifOf is a packet with everything that matters, in an order of bytes.
func exifOf(order binary.AppendByteOrder) []byte {
	type entry struct {
		tag, kind uint16
		value     []byte
	}
	text := func(tag uint16, s string) entry { return entry{tag, 2, append([]byte(s), 0)} }
	long := func(tag uint16, n int) entry { return entry{tag, 4, order.AppendUint32(nil, uint32(n))} }
	short := func(tag uint16, n uint16) entry { return entry{tag, 3, order.AppendUint16(nil, n)} }
	write := func(base int, next uint32, list ...entry) []byte {
		out := order.AppendUint16(nil, uint16(len(list)))
		var tail []byte
		values := base + 2 + 12*len(list) + 4
		for _, e := range list {
			count := len(e.value) / map[uint16]int{2: 1, 3: 2, 4: 4, 5: 8, 7: 1}[e.kind]
			out = order.AppendUint32(order.AppendUint16(order.AppendUint16(out, e.tag), e.kind), uint32(count))
			if len(e.value) <= 4 {
				out = append(append(out, e.value...), make([]byte, 4-len(e.value))...)
				continue
			}
			out = order.AppendUint32(out, uint32(values+len(tail)))
			tail = append(tail, e.value...)
		}
		return append(order.AppendUint32(out, next), tail...)
	}
	main := func(exif, gps int, next uint32) []byte {
		return write(8, next, text(0x10f, byMake), short(0x112, 6), text(0x13b, byArtist), text(0x8298, byCopyright), long(0x8769, exif), long(0x8825, gps))
	}
	at := 8 + len(main(0, 0, 0))
	exif := write(at, 0, entry{0x829a, 5, order.AppendUint32(order.AppendUint32(nil, 1), 250)}, entry{0x927c, 7, []byte(byNote)}, long(0xa002, 4000))
	gps := write(at+len(exif), 0, text(0x1, "N"), text(0x1b, byGPS))
	next := at + len(exif) + len(gps)
	thumbnail := write(next, 0, text(0x10e, byThumbnail))
	head := map[bool]string{true: "MM\x00*\x00\x00\x00\x08", false: "II*\x00\x08\x00\x00\x00"}[order.AppendUint16(nil, 1)[1] == 1]
	return slices.Concat([]byte(head), main(at, at+len(exif), uint32(next)), exif, gps, thumbnail)
}

const plantedXMP = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<!-- ` + byComment + ` --><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:e="http://ns.adobe.com/exif/1.0/" xmlns:t="http://ns.adobe.com/tiff/1.0/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:drone="http://example.com/drone/" e:GPSLatitude='` + byPlace + `' t:Orientation="6" xmp:Label="a &lt; b">
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">` + byRights + ` &amp; sons</rdf:li></rdf:Alt></dc:rights><dc:title><rdf:Alt><rdf:li xml:lang="x-default">` + byTitle + `</rdf:li></rdf:Alt></dc:title>
<drone:GpsLongtitude>` + byDrone + `</drone:GpsLongtitude><xmp:Thumbnails><rdf:Alt><rdf:li>` + byPreview + `</rdf:li></rdf:Alt></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`

func plantedIPTC() []byte {
	set := func(record, number byte, text string) []byte {
		return append([]byte{0x1c, record, number, 0, byte(len(text))}, text...)
	}
	records := slices.Concat(set(1, 90, "\x1b%G"), set(2, 80, byLine), set(2, 90, byCity), set(2, 116, byNotice), set(2, 202, byPreview))
	resource := func(id byte, b []byte) []byte {
		return append(append([]byte("8BIM\x04"), id, 0, 0, 0, 0, 0, byte(len(b))), append(b, make([]byte, len(b)&1)...)...)
	}
	return append([]byte("Photoshop 3.0\x00"), append(resource(0x0c, []byte(byThumbnail)), resource(0x04, records)...)...)
}

// laden is a photo with all of it, on its side.
func laden(t testing.TB, order binary.AppendByteOrder) []byte {
	t.Helper()
	jpeg := photo(t, 120, 80)
	segment := func(id byte, payload []byte) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, id}, uint16(len(payload)+2)), payload...)
	}
	return slices.Concat(jpeg[:2], segment(0xe1, append([]byte("Exif\x00\x00"), exifOf(order)...)),
		segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00"+plantedXMP)), segment(0xed, plantedIPTC()), jpeg[2:])
}

// upright decodes an output whose EXIF must not turn it, and holds it against its
// claims.
func mustStandUpright(t *testing.T, o Output) {
	t.Helper()
	if p, err := Probe(o.Body); err != nil || p.Width != o.Width || p.Height != o.Height {
		t.Errorf("Probe says %d x %d, %v; want %d x %d", p.Width, p.Height, err, o.Width, o.Height)
	}
	if n := see(t, o.Body).read.field("orientation", 1); n != 1 {
		t.Errorf("its orientation is %d, want 1", n)
	}
}

func TestOfTheMetadataOnlyWhatWasAskedForIsKept(t *testing.T) {
	exif := map[string][]string{
		"none": nil, "copyright": {byArtist, byCopyright},
		"no-gps": {byArtist, byCopyright, byMake}, "keep": {byArtist, byCopyright, byMake, byGPS, byNote},
	}
	xmp := map[string][]string{
		"none": nil, "copyright": {byRights}, "no-gps": {byRights, byTitle}, "keep": {byRights, byTitle, byPlace, byDrone},
	}
	iptc := map[string][]string{
		"none": nil, "copyright": {byLine, byNotice}, "no-gps": {byLine, byNotice, byCity}, "keep": {byLine, byNotice, byCity},
	}
	under(t, func(o *Options) { o.Formats = readable })
	for name, order := range map[string]binary.AppendByteOrder{"little-endian": binary.LittleEndian, "big-endian": binary.BigEndian} {
		data := laden(t, order)
		for _, meta := range []string{"none", "copyright", "no-gps", "keep"} {
			for _, f := range []string{"jpeg", "png", "webp", "webp,lossless=1", "avif,effort=0", "tiff", "jxl,effort=0", "gif", "auto,effort=0"} {
				for _, icc := range []string{"", ",icc=p3"} {
					t.Run(name+" meta="+meta+",fmt="+f+icc, func(t *testing.T) {
						o := one(t, data, "w=40,meta="+meta+",fmt="+f+icc)
						mustStandUpright(t, o)
						want := slices.Concat(exif[meta], xmp[meta])
						switch f {
						case "gif":
							want = nil
						case "jpeg", "tiff":
							want = slices.Concat(want, iptc[meta])
						}
						for _, secret := range planted {
							if got := bytes.Contains(o.Body, []byte(secret)); got != slices.Contains(want, secret) {
								t.Errorf("%s is in the file: %t, want %t", secret, got, !got)
							}
						}
						if f == "gif" && meta != "none" && (len(o.Warnings) == 0 || o.Warnings[len(o.Warnings)-1].Slug != "metadata-dropped") {
							t.Errorf("warnings are %v, want metadata-dropped", o.Warnings)
						}
						if meta == "none" {
							for _, trace := range []string{"Exif", "EXIF", "ns.adobe.com"} {
								if bytes.Contains(o.Body, []byte(trace)) {
									t.Errorf("%q is in the file, want nothing of the kind", trace)
								}
							}
							return
						}
						mustReadBack(t, o, f)
					})
				}
			}
		}
	}
}

// mustReadBack has libvips read the packets, where it reads them.
func mustReadBack(t *testing.T, o Output, format string) {
	t.Helper()
	read := see(t, o.Body).read
	fields := map[string][]string{
		"jpeg": {"exif-data", "xmp-data", "iptc-data"}, "webp": {"exif-data", "xmp-data"}, "webp,lossless=1": {"exif-data", "xmp-data"},
		"avif,effort=0": {"exif-data"}, "png": {"xmp-data"}, "tiff": {"xmp-data", "iptc-data"},
	}
	for _, f := range fields[format] {
		if len(read.blob(f)) == 0 {
			t.Errorf("libvips finds no %s in it", f)
		}
	}
	if x := read.blob("xmp-data"); len(x) > 0 && !strings.Contains(string(x), byRights+" &amp; sons") {
		t.Errorf("the XMP says %s, want rights as they were", x)
	}
	if format == "tiff" {
		o, err := structure.Walk(structure.TIFF, bytes.NewReader(o.Body), int64(len(o.Body)), structure.Limits{})
		if err != nil || o.Pages != 1 {
			t.Errorf("the TIFF has %d pages, %v; want 1", o.Pages, err)
		}
	}
}

func TestMetadataOfAnAnimationIsKept(t *testing.T) {
	data := laden(t, binary.LittleEndian)
	webp := one(t, film(t, 40, 30, []int{10}, 0, red, green), "fmt=webp").Body
	packets := one(t, data, "w=40,fmt=webp,meta=keep").Body
	at := bytes.Index(packets, []byte("EXIF"))
	source := slices.Concat(webp, packets[at:])
	binary.LittleEndian.PutUint32(source[4:], uint32(len(source)-8))
	source[20] |= 1<<3 | 1<<2
	o := one(t, source, "fmt=webp,meta=copyright")
	if !bytes.Contains(o.Body, []byte(byArtist)) || bytes.Contains(o.Body, []byte(byMake)) || !bytes.Contains(o.Body, []byte(byRights)) {
		t.Error("an animation carries not the copyright alone")
	}
	mustPlay(t, o, 14, red, green)
}

func TestMetadataIsFoundInEveryFormat(t *testing.T) {
	jpeg := laden(t, binary.BigEndian)
	for _, f := range []string{"jpeg", "webp", "avif,effort=0", "tiff"} {
		o := one(t, one(t, jpeg, "meta=keep,fmt="+f).Body, "meta=no-gps,fmt=jpeg")
		for _, secret := range []string{byArtist, byMake, byRights} {
			if !bytes.Contains(o.Body, []byte(secret)) {
				t.Errorf("%s of a %s is not found", secret, f)
			}
		}
		for _, secret := range []string{byGPS, byPlace, byDrone, byNote} {
			if bytes.Contains(o.Body, []byte(secret)) {
				t.Errorf("%s of a %s is still there", secret, f)
			}
		}
	}
}

// What comes with a file may be anything.
func TestDamagedMetadataIsLeftOutAndNoHarmDone(t *testing.T) {
	good := laden(t, binary.LittleEndian)
	for name, spoil := range map[string]func([]byte) []byte{
		"exif directory beyond the end": func(b []byte) []byte {
			at := bytes.Index(b, []byte("II*\x00"))
			binary.LittleEndian.PutUint32(b[at+4:], 1<<30)
			return b
		},
		"exif of too many entries": func(b []byte) []byte {
			at := bytes.Index(b, []byte("II*\x00"))
			binary.LittleEndian.PutUint16(b[at+8:], 0xffff)
			return b
		},
		"xmp with a document type": func(b []byte) []byte {
			return bytes.Replace(b, []byte("<!-- "+byComment+" -->"), []byte("<!ENTITY a '"+byComment+"'>"), 1)
		},
		"xmp that does not end": func(b []byte) []byte {
			return bytes.Replace(b, []byte("</rdf:RDF>"), []byte("          "), 1)
		},
		"iptc of any length": func(b []byte) []byte {
			at := bytes.Index(b, []byte("\x1c\x02\x50"))
			b[at+3] = 0x7f
			return b
		},
	} {
		t.Run(name, func(t *testing.T) {
			bad := spoil(slices.Clone(good))
			for _, meta := range []transform.Meta{transform.MetaCopyright, transform.MetaNoGPS, transform.MetaKeep} {
				o := one(t, bad, "w=40,fmt=jpeg,meta="+string(meta))
				mustMeasure(t, o, o.Width, o.Height)
				if meta == transform.MetaKeep {
					continue
				}
				for _, secret := range []string{byGPS, byPlace, byComment, byThumbnail} {
					if bytes.Contains(o.Body, []byte(secret)) {
						t.Errorf("meta=%s: %s is in the file", meta, secret)
					}
				}
			}
		})
	}
}
