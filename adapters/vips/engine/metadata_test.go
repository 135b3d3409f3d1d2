package engine

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"imgd/core/transform"
	"imgd/e2e/scene"
)

const marker = "imgd-test-marker-3141592653"

// xmp is a packet as programs embed it.
const xmp = `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:title="` + marker + `"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`

// withXMP puts a packet and a comment into a JPEG.
func withXMP(jpeg []byte) []byte {
	segment := func(id byte, payload string) []byte {
		return append(binary.BigEndian.AppendUint16([]byte{0xff, id}, uint16(len(payload)+2)), payload...)
	}
	return slices.Concat(jpeg[:2], segment(0xe1, "http://ns.adobe.com/xap/1.0/\x00"+xmp), segment(0xfe, marker), jpeg[2:])
}

// withText puts texts of both kinds behind the header of a PNG.
func withText(png []byte) []byte {
	const header = 8 + 25
	chunk := func(kind, payload string) []byte {
		b := binary.BigEndian.AppendUint32(nil, uint32(len(payload)))
		b = append(append(b, kind...), payload...)
		return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
	}
	return slices.Concat(png[:header], chunk("tEXt", "Comment\x00"+marker), chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00"+xmp), png[header:])
}

func TestNothingOfTheMetadataIsLeft(t *testing.T) {
	jpeg := withXMP(scene.WithGPS(photo(t, 300, 200), marker))
	p3 := made(t, jpeg, "icc_transform output-profile=p3,input-profile=srgb", "jpegsave_buffer")
	sources := map[string][]byte{
		"jpeg": jpeg, "jpeg with a profile": p3, "png": withText(pngOf(t, quadrants(300, 200))),
		"webp": made(t, jpeg, "webpsave_buffer"), "tiff": made(t, p3, "tiffsave_buffer"), "animation": film(t, 40, 40, []int{10}, 0, red, green),
	}
	if writes(transform.AVIF) {
		sources["avif"] = made(t, jpeg, "heifsave_buffer compression=av1,effort=0")
	}
	for name, source := range sources {
		if name != "animation" && name != "tiff" && !bytes.Contains(source, []byte(marker)) {
			t.Fatalf("the %s of this test has lost its metadata before it begins", name)
		}
		for _, text := range []string{"fmt=webp", "fmt=webp,lossless=1", "fmt=avif,effort=0", "fmt=jpeg", "fmt=jpeg,progressive=1", "fmt=png", "fmt=gif", "fmt=tiff", "w=100,fmt=webp", "w=400,h=400,fit=pad,fmt=webp"} {
			for _, o := range outputs(t, source, variant(t, "one", text)) {
				if o.Err != nil {
					t.Errorf("%s to %s: %v", name, text, o.Err)
				}
				for _, trace := range []string{marker, "Exif", "EXIF", "http://ns.adobe.com", "xmpmeta", "ICC_PROFILE", "iCCP", "ICCP", "acsp", "XMP ", "tEXt", "iTXt", "Photoshop"} {
					if bytes.Contains(o.Body, []byte(trace)) {
						t.Errorf("%s to %s: %q is in the output", name, text, trace)
					}
				}
			}
		}
	}
}

// Bytes that follow an image, or hide in it, are of nobody's business.
func TestNothingOfTheFileItselfIsInAnOutput(t *testing.T) {
	appended := append(photo(t, 200, 100), []byte("PK\x03\x04<script>alert(1)</script>"+marker)...)
	for _, f := range []string{"webp", "jpeg", "png"} {
		if bytes.Contains(one(t, appended, "fmt="+f).Body, []byte("script")) {
			t.Errorf("%s has bytes that were appended to the original", f)
		}
	}
}

func TestAWebPOfOursIsWhole(t *testing.T) {
	for name, source := range map[string][]byte{"still": photo(t, 100, 80), "alpha": pngOf(t, disc(60, red)), "film": film(t, 40, 30, []int{10}, 0, red, green)} {
		b := one(t, source, "fmt=webp").Body
		if got, want := int(binary.LittleEndian.Uint32(b[4:]))+8, len(b); got != want {
			t.Errorf("%s: the header says %d bytes, the file has %d", name, got, want)
		}
		if p, err := Probe(b); err != nil || p.Animated != (name == "film") || p.HasAlpha && name == "still" {
			t.Errorf("%s: Probe says %+v, %v", name, p, err)
		}
	}
}
