package structure

import (
	"strings"
	"testing"

	"imgd/core"
)

const soi, eoi = "\xff\xd8", "\xff\xd9"

func TestJPEGOutline(t *testing.T) {
	o := accepted(t, JPEG, jpegFile(t, 61, 43))
	if o.Width != 61 || o.Height != 43 || o.Scans != 1 || o.Bands != 3 || o.Bits != 8 || o.Progressive || o.Frames != 1 {
		t.Errorf("got %+v, want 61 x 43, one scan, 3 bands of 8 bits, not progressive, one frame", o)
	}
}

func TestEveryProperPrefixOfAJPEGIsRefused(t *testing.T) {
	prefixesRefused(t, JPEG, jpegFile(t, 33, 17))
}

func TestBytesBehindAJPEGsEndMarkerAreNotItsOwn(t *testing.T) {
	data := append(jpegFile(t, 16, 16), jpegFile(t, 500, 500)...)
	if o := accepted(t, JPEG, append(data, "PK\x03\x04 anything"...)); o.Width != 16 || o.Scans != 1 {
		t.Errorf("got %+v, want the first image's 16 pixels and one scan", o)
	}
}

func TestJPEGStructure(t *testing.T) {
	app := segment(0xE1, strings.Repeat("x", 65533))
	small, scan := frameHeader(0xC0, 8, 8), scanHeader()+"\x12\x34"
	many := func(n int) string { return soi + frameHeader(0xC2, 8, 8) + strings.Repeat(scan, n) + eoi }
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"smallest":                     {soi + small + scan + eoi, ""},
		"stuffing, restarts and fill":  {soi + small + scan + "\xff\x00\xff\xd0\x01\xff\xd7\xff\xff\xff" + eoi, ""},
		"fill before a segment":        {soi + "\xff\xff" + small + scan + eoi, ""},
		"64 scans":                     {many(64), ""},
		"500 scans":                    {many(500), core.ImageTooComplex},
		"no end marker":                {soi + small + scan, core.ImageTruncated},
		"end marker halfway":           {soi + small + scan + "\xff", core.ImageTruncated},
		"segment of length 1":          {soi + "\xff\xe0\x00\x01" + small + scan + eoi, core.ImageUndecodable},
		"segment beyond the file":      {soi + "\xff\xe0\xff\xff" + small + scan + eoi, core.ImageTruncated},
		"no frame header":              {soi + scan + eoi, core.ImageUndecodable},
		"two frame headers":            {soi + small + small + scan + eoi, core.ImageUndecodable},
		"no scan":                      {soi + small + eoi, core.ImageUndecodable},
		"start marker within":          {soi + small + scan + soi + small + scan + eoi, core.ImageUndecodable},
		"hierarchical":                 {soi + frameHeader(0xC5, 8, 8) + scan + eoi, core.ImageUndecodable},
		"no height":                    {soi + frameHeader(0xC0, 8, 0) + scan + eoi, core.ImageUndecodable},
		"sampling factor of 0":         {soi + segment(0xC0, "\x08\x00\x08\x00\x08\x01\x01\x01\x00") + scan + eoi, core.ImageUndecodable},
		"more components than there":   {soi + segment(0xC0, "\x08\x00\x08\x00\x08\x04\x01\x11\x00") + scan + eoi, core.ImageUndecodable},
		"a side too long":              {soi + frameHeader(0xC0, 65501, 8) + scan + eoi, core.ImageTooLarge},
		"too many pixels":              {soi + frameHeader(0xC0, 64250, 64250) + scan + eoi, core.ImageTooLarge},
		"too little data":              {soi + frameHeader(0xC0, 16000, 16000) + scan + eoi, core.ImageTruncated},
		"progressive with little data": {soi + frameHeader(0xC2, 2000, 2000) + scan + eoi, ""},
		"8 MiB of metadata":            {soi + strings.Repeat(app, 128) + small + scan + eoi, ""},
		"more than that":               {soi + strings.Repeat(app, 129) + small + scan + eoi, core.MetadataTooLarge},
		"many empty comments":          {soi + strings.Repeat(segment(markerCOM, ""), 3000) + small + scan + eoi, core.ImageTooComplex},
		"end at once":                  {soi + eoi, core.ImageUndecodable},
		"something else":               {"GIF89a and so on", core.ImageUndecodable},
		"nothing":                      {"", core.ImageTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, JPEG, []byte(c.data))
				return
			}
			refused(t, JPEG, []byte(c.data), c.want)
		})
	}
}

func TestMarkersAreFoundAcrossTheWindowsEdge(t *testing.T) {
	head := soi + frameHeader(0xC0, 8, 8) + scanHeader()
	for shift := -3; shift <= 3; shift++ {
		data := head + strings.Repeat("\x55", scanWindow-len(head)+shift) + eoi
		accepted(t, JPEG, []byte(data))
		dense := head + strings.Repeat("\xff\x00", scanWindow/2+shift) + eoi
		accepted(t, JPEG, []byte(dense))
	}
}

func TestARefusalStatesLimitAndActual(t *testing.T) {
	e := refused(t, JPEG, []byte(soi+frameHeader(0xC0, 20000, 14000)+scanHeader()+eoi), core.ImageTooLarge)
	if e.Facts["limit"] != DefaultLimits().MaxPixels || e.Facts["actual"] != int64(20000*14000) {
		t.Errorf("facts: got %v, want the limit of %d and the actual 280000000", e.Facts, DefaultLimits().MaxPixels)
	}
	e = refused(t, JPEG, []byte(soi+frameHeader(0xC0, 8, 8)+strings.Repeat(scanHeader(), 65)+eoi), core.ImageTooComplex)
	if e.Facts["limit"] != 64 || e.Facts["actual"] != 65 {
		t.Errorf("facts: got %v, want the limit of 64 and the actual 65", e.Facts)
	}
}
