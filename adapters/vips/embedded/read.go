package embedded

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/bep/imagemeta"
)

// Blocks are the parts of a file that speak of it, as they stand there; those that
// it does not have are nil.
type Blocks struct {
	EXIF []byte // a TIFF structure, which a TIFF file as a whole is too
	IPTC []byte // image resources of Photoshop, or the bare records
	XMP  []byte // a packet of XML
}

// The most of each block: what has more is left unread.
const (
	maxIPTC = 60 << 10
	maxXMP  = 256 << 10
	maxTag  = 4 << 10 // of a value
	// maxRead is how much of the EXIF is read, going to and fro: an honest file has
	// some hundred tags, each of which is one buffer of 4 KiB there and one back.
	maxRead = 4 << 20
)

// Read makes a document of what the blocks say, as much of it as a document can
// have; nil when they say nothing. Of a block that is damaged it is what stands before
// the damage. Without keepGPS nothing is read of where the picture was taken.
func Read(b Blocks, keepGPS bool) json.RawMessage {
	r := &reading{keepGPS: keepGPS, left: MaxBytes - len(`{"exif":{},"iptc":{},"xmp":{}}`)}
	if tiff := bytes.TrimPrefix(b.EXIF, []byte("Exif\x00\x00")); len(tiff) > 0 {
		r.read(imagemeta.EXIF, imagemeta.TIFF, &bounded{Reader: bytes.NewReader(tiff), left: maxRead})
	}
	if n := len(b.IPTC); n > 0 && n <= maxIPTC {
		r.read(imagemeta.IPTC, imagemeta.JPEG, bytes.NewReader(asJPEG(b.IPTC)))
	}
	if n := len(b.XMP); n > 0 && n <= maxXMP {
		r.read(imagemeta.XMP, imagemeta.WebP, bytes.NewReader(asWebP(b.XMP)))
	}
	if r.doc.empty() {
		return nil
	}
	text, err := encode(r.doc)
	if err != nil || len(text) > MaxBytes {
		return nil
	}
	return text
}

// reading collects tags.
type reading struct {
	keepGPS bool
	doc     document
	left    int // bytes
}

// read goes through one block. What is wrong with it ends it, and is nobody's
// concern: an image is not refused for it.
func (r *reading) read(source imagemeta.Source, format imagemeta.ImageFormat, from readSeeker) {
	_, _ = imagemeta.Decode(imagemeta.Options{
		R: from, ImageFormat: format, Sources: source, LimitNumTags: 2 * maxTags, LimitTagSize: maxTag,
		ShouldHandleTag: r.wants, HandleTag: r.take,
	})
}

// wants says which tags are of interest. Of EXIF these are those of the picture
// itself, not those of thumbnails and of what else is in the file.
func (r *reading) wants(t imagemeta.TagInfo) bool {
	if t.Source == imagemeta.EXIF && !slices.Contains([]string{"IFD0", "IFD0/ExifIFDP", "IFD0/GPSInfoIFD"}, t.Namespace) {
		return false
	}
	if !r.keepGPS && (located.MatchString(t.Tag) || strings.HasSuffix(t.Namespace, "GPSInfoIFD")) {
		return false
	}
	return named.MatchString(t.Tag) && !private(t.Tag)
}

// take keeps a tag if there is room for it. The first of a name counts.
func (r *reading) take(t imagemeta.TagInfo) error {
	if !r.wants(t) { // lists of IPTC come without the question
		return nil
	}
	value, ok := plain(t.Value)
	if !ok {
		return nil
	}
	tags := r.tags(t.Source)
	if _, there := tags[t.Tag]; there || len(tags) == maxTags {
		return nil
	}
	text, err := encode(value)
	size := len(t.Tag) + len(text) + len(`"":,`)
	if err != nil || size > r.left {
		return nil
	}
	r.left -= size
	tags[t.Tag] = value
	return nil
}

func (r *reading) tags(s imagemeta.Source) map[string]any {
	to := &r.doc.EXIF
	switch s {
	case imagemeta.IPTC:
		to = &r.doc.IPTC
	case imagemeta.XMP:
		to = &r.doc.XMP
	}
	if *to == nil {
		*to = map[string]any{}
	}
	return *to
}

// bounded ends a walk that goes round in circles.
type bounded struct {
	*bytes.Reader
	left int
}

var errSpent = errors.New("as much was read as there is to be read")

// Read reads while there is a budget.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errSpent
	}
	n, err := b.Reader.Read(p)
	b.left -= n
	return n, err
}

type readSeeker interface {
	Read(p []byte) (int, error)
	Seek(offset int64, whence int) (int64, error)
}

// photoshop is what an IPTC block of a JPEG begins with.
const photoshop = "Photoshop 3.0\x00"

// asJPEG wraps a block of IPTC in the only container that it is read from. Bare
// records become an image resource first.
func asJPEG(iptc []byte) []byte {
	if !bytes.HasPrefix(iptc, []byte(photoshop)) {
		if !bytes.HasPrefix(iptc, []byte("8BIM")) {
			head := binary.BigEndian.AppendUint32([]byte("8BIM\x04\x04\x00\x00"), uint32(len(iptc))) // #nosec G115 -- at most maxIPTC
			iptc = slices.Concat(head, iptc)
		}
		iptc = slices.Concat([]byte(photoshop), iptc)
	}
	b := binary.BigEndian.AppendUint16([]byte{0xff, 0xd8, 0xff, 0xed}, uint16(len(iptc)+2)) // #nosec G115 -- at most maxIPTC and a head
	return append(b, iptc...)
}

// asWebP wraps a packet of XMP.
func asWebP(xmp []byte) []byte {
	size := func(b []byte, n int) []byte { return binary.LittleEndian.AppendUint32(b, uint32(n)) } // #nosec G115 -- at most maxXMP and a head
	b := size([]byte("RIFF"), len(xmp)+12)
	b = size(append(b, "WEBPXMP "...), len(xmp))
	return append(b, xmp...)
}
