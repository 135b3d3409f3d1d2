package structure

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// SniffBytes is how much of a file Sniff looks at. An SVG may begin with a comment
// about the program that wrote it.
const SniffBytes = 1024

// Sniff names the format of a file that begins with head. Names and declared
// types have no say. What it does not know must not reach a decoder.
func Sniff(head []byte) (Format, bool) {
	head = head[:min(len(head), SniffBytes)]
	for _, m := range magics {
		if bytes.HasPrefix(head, []byte(m.prefix)) {
			return m.format, true
		}
	}
	if len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP" {
		return WebP, true
	}
	if f, ok := sniffBrands(head); ok {
		return f, true
	}
	if opensSVG(head) {
		return SVG, true
	}
	return "", false
}

var magics = []struct {
	prefix string
	format Format
}{
	{"\xff\xd8\xff", JPEG},
	{pngMagic, PNG},
	{"GIF87a", GIF},
	{"GIF89a", GIF},
	{"II*\x00", TIFF},
	{"MM\x00*", TIFF},
	{"II+\x00", TIFF}, // BigTIFF
	{"MM\x00+", TIFF},
	{"\xff\x0a", JXL},
	{"\x00\x00\x00\x0cJXL \r\n\x87\n", JXL},
	{"%PDF-", PDF},
}

// sniffBrands tells AVIF and HEIC from each other and from the many other files
// that begin with an ftyp box, such as MP4.
func sniffBrands(head []byte) (Format, bool) {
	if len(head) < 16 || string(head[4:8]) != "ftyp" {
		return "", false
	}
	size := binary.BigEndian.Uint32(head)
	if size < 16 || size%4 != 0 {
		return "", false
	}
	switch string(head[8:12]) {
	case "avif", "avis":
		return AVIF, true
	case "heic", "heix", "heim", "heis":
		return HEIC, true
	case "mif1", "msf1":
		compatible := head[16:min(int64(len(head)), int64(size))]
		for brand := range slices.Chunk(compatible, 4) {
			if b := string(brand); b == "avif" || b == "avis" {
				return AVIF, true
			}
		}
		return HEIC, true
	}
	return "", false
}

// opensSVG reports whether the first element, or the document type, is svg.
func opensSVG(head []byte) bool {
	head = bytes.TrimPrefix(head, []byte("\xef\xbb\xbf"))
	for {
		head = bytes.TrimLeft(head, " \t\r\n")
		var end string
		switch {
		case bytes.HasPrefix(head, []byte("<?")):
			end = "?>"
		case bytes.HasPrefix(head, []byte("<!--")):
			end = "-->"
		default:
			return isSVGTag(head)
		}
		_, rest, found := bytes.Cut(head, []byte(end))
		if !found {
			return false
		}
		head = rest
	}
}

func isSVGTag(head []byte) bool {
	for _, tag := range []string{"<svg", "<svg:svg", "<!DOCTYPE svg"} {
		rest, found := bytes.CutPrefix(head, []byte(tag))
		if found && len(rest) > 0 && bytes.IndexByte([]byte(" \t\r\n/>["), rest[0]) >= 0 {
			return true
		}
	}
	return false
}
