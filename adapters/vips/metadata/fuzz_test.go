package metadata

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"imgd/core/transform"
)

// FuzzChoose holds the readers of packets to their promises: no panic, and what they
// write they read again without a change.
func FuzzChoose(f *testing.F) {
	exif := directories{
		main: []field{{tagArtist, 2, 9, []byte("somebody\x00")}, {tagOrientation, shortValue, 1, []byte{6, 0}}},
		gps:  []field{{1, 2, 2, []byte("N\x00")}, {2, 5, 3, make([]byte, 24)}},
	}
	tiff := append([]byte("II*\x00\x08\x00\x00\x00"), exif.write(8, nil, 0)...)
	f.Add(tiff, []byte(`<a xmlns:dc="`+nsDC+`" dc:rights="x"><b gpsLatitude='1'/><!-- c --></a>`), []byte("\x1c\x02\x50\x00\x03you\x1c\x02\x5a\x00\x01c"))
	f.Add([]byte("Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00"), []byte(`<a><GPSx/></a>`), append([]byte("Photoshop 3.0\x00"), photoshop([]byte("\x1c\x02\x74\x00\x01c"))[14:]...))
	f.Fuzz(func(t *testing.T, exif, xmp, iptc []byte) {
		from := Carried{EXIF: exif, XMP: xmp, IPTC: iptc}
		for _, m := range []transform.Meta{transform.MetaCopyright, transform.MetaNoGPS, transform.MetaKeep} {
			c := Choose(m, from)
			again := Choose(m, c)
			if !bytes.Equal(c.EXIF, again.EXIF) || !bytes.Equal(c.IPTC, again.IPTC) {
				t.Errorf("meta=%s: what was chosen is not chosen again: %q, then %q", m, c, again)
			}
			if d, err := readEXIF(c.EXIF); len(c.EXIF) > 0 && (err != nil || m != transform.MetaKeep && len(d.gps) > 0) {
				t.Errorf("meta=%s: the EXIF has %d fields of GPS, %v", m, len(d.gps), err)
			}
			if m == transform.MetaNoGPS {
				mustNotTell(t, c.XMP)
			}
			for _, format := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.AVIF, transform.TIFF, transform.JXL} {
				_, _ = Embed(format, slices.Concat(xmp, exif), c) // which are no files
			}
		}
	})
}

// mustNotTell looks for names of places among all names of a packet.
func mustNotTell(t *testing.T, packet []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(packet))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%q is left, which is no XML: %v", packet, err)
		}
		if e, ok := token.(xml.StartElement); ok {
			for _, n := range append([]xml.Attr{{Name: e.Name}}, e.Attr...) {
				if strings.HasPrefix(strings.ToLower(n.Name.Local), "gps") {
					t.Errorf("%q still has %s", packet, n.Name.Local)
				}
			}
		}
	}
}
