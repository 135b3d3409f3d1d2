// Package embedded reads what a file says of itself: EXIF, IPTC and XMP. Read takes
// it out of hostile bytes and hence only ever runs in a decoder child; Check judges
// what a child says it has read.
//
// A document is a JSON object with the members exif, iptc and xmp, each an object of
// a tag's name and its value: a text on one line, a number, or a list of those.
package embedded

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// MaxBytes is the most a document may have.
const MaxBytes = 64 << 10

// The most of one document's parts.
const (
	maxTags = 512 // of one source
	maxText = 2 << 10
	maxList = 64
)

// document is what was read, by source and name of the tag.
type document struct {
	EXIF map[string]any `json:"exif"`
	IPTC map[string]any `json:"iptc"`
	XMP  map[string]any `json:"xmp"`
}

func (d document) empty() bool { return len(d.EXIF)+len(d.IPTC)+len(d.XMP) == 0 }

// encode writes JSON. Texts stay as they are: nobody reads it as HTML.

func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// named are the names a tag may have.
var named = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$`)

// located are the names of tags that say where a picture was taken, also those of
// drones. Of towns and countries, which somebody has written, nothing is kept back.
var located = regexp.MustCompile(`(?i)gps|geotag|latitude|longt?itude|altitude`)

// private reports whether a tag is none of ours: what only the file itself can make
// sense of, and notes whose format is their maker's secret, places among them.
func private(name string) bool {
	for _, prefix := range []string{"UnknownTag", "MakerNote", "Strip", "Tile", "Thumbnail", "Free", "JpgFromRaw", "OtherImage", "Preview"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "ApplicationNotes", "IPTC-NAA", "PhotoshopSettings", "ICC_Profile", "PrintIM", "Padding", "OffsetSchema",
		"RowsPerStrip", "JPEGTables", "ImageSourceData", "SubfileType", "Predictor", "ColorMap", "TransferFunction":
		return true
	}
	return false
}
