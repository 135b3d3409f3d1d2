package structure

import (
	"image"
	"image/color"
	"strings"
	"testing"

	"imgd/core"
)

func TestPNGOutline(t *testing.T) {
	if o := accepted(t, PNG, pngFile(t, picture(61, 43))); o.Width != 61 || o.Height != 43 || o.Bands != 3 || o.Bits != 8 || o.Alpha {
		t.Errorf("an opaque image: got %+v, want 61 x 43, 3 bands of 8 bits", o)
	}
	if o := accepted(t, PNG, pngFile(t, image.NewNRGBA64(image.Rect(0, 0, 5, 7)))); o.Bands != 4 || o.Bits != 16 || !o.Alpha {
		t.Errorf("a transparent image: got %+v, want 4 bands of 16 bits with alpha", o)
	}
	palette := image.NewPaletted(image.Rect(0, 0, 9, 9), color.Palette{color.Transparent, color.White})
	if o := accepted(t, PNG, pngFile(t, palette)); o.Bands != 1 || o.Bits != 1 || !o.Alpha {
		t.Errorf("a palette: got %+v, want one band of 1 bit, with alpha", o)
	}
}

func TestEveryProperPrefixOfAPNGIsRefused(t *testing.T) {
	prefixesRefused(t, PNG, pngFile(t, picture(19, 23)))
}

func TestA69BytePNGOf4GigapixelsIsRefused(t *testing.T) {
	data := []byte(pngMagic + ihdr(65000, 65000, 8, 2) + chunk("IDAT", "") + chunk("IEND", ""))
	if len(data) > 69 {
		t.Fatalf("the file has %d bytes, want 69 at most", len(data))
	}
	e := refused(t, PNG, data, core.ImageTooLarge)
	if e.Facts["actual"] != int64(65000*65000) {
		t.Errorf("actual: got %v, want 4225000000", e.Facts["actual"])
	}
}

func TestPNGStructure(t *testing.T) {
	head, end := pngMagic+ihdr(1, 1, 8, 0), chunk("IEND", "")
	pixel := chunk("IDAT", deflated("\x00\x00"))
	bad := []byte(head)
	bad[len(bad)-1] ^= 1
	text := chunk("tEXt", "k\x00v")
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"smallest":                    {head + pixel + end, ""},
		"bytes behind the end":        {head + pixel + end + "<?php", ""},
		"pixels in many chunks":       {head + pixel + strings.Repeat(chunk("IDAT", ""), 100_000) + end, ""},
		"256 chunks before pixels":    {head + strings.Repeat(text, 256) + pixel + end, ""},
		"257 chunks before pixels":    {head + strings.Repeat(text, 257) + pixel + end, core.ImageTooComplex},
		"200000 chunks":               {head + strings.Repeat(text, 200_000) + pixel + end, core.ImageTooComplex},
		"200000 chunks behind pixels": {head + pixel + strings.Repeat(text, 200_000) + end, core.ImageTooComplex},
		"wrong header checksum":       {string(bad) + pixel + end, core.ImageUndecodable},
		"header not first":            {pngMagic + text + head[8:] + pixel + end, core.ImageUndecodable},
		"second header":               {head + head[8:] + pixel + end, core.ImageUndecodable},
		"no width":                    {pngMagic + ihdr(0, 1, 8, 0) + pixel + end, core.ImageUndecodable},
		"3 bits a pixel":              {pngMagic + ihdr(1, 1, 3, 0) + pixel + end, core.ImageUndecodable},
		"a side too long":             {pngMagic + ihdr(65501, 1, 8, 0) + pixel + end, core.ImageTooLarge},
		"sides of 2^32-1":             {pngMagic + ihdr(1<<32-1, 1<<32-1, 8, 0) + pixel + end, core.ImageTooLarge},
		"too little data":             {pngMagic + ihdr(16000, 16000, 8, 0) + pixel + end, core.ImageTruncated},
		"no pixels":                   {head + end, core.ImageUndecodable},
		"no end":                      {head + pixel, core.ImageTruncated},
		"palette missing":             {pngMagic + ihdr(1, 1, 8, 3) + pixel + end, core.ImageUndecodable},
		"palette":                     {pngMagic + ihdr(1, 1, 8, 3) + chunk("PLTE", "rgb") + pixel + end, ""},
		"palette of 257 colours":      {pngMagic + ihdr(1, 1, 8, 3) + chunk("PLTE", strings.Repeat("rgb", 257)) + pixel + end, core.ImageUndecodable},
		"pixels interrupted":          {head + pixel + text + pixel + end, core.ImageUndecodable},
		"unknown critical chunk":      {head + chunk("ABCD", "") + pixel + end, core.ImageUndecodable},
		"chunk without a name":        {head + chunk("\x00\x01\x02\x03", "") + pixel + end, core.ImageUndecodable},
		"chunk of 4 GB":               {head + "\xff\xff\xff\xfftEXt" + pixel + end, core.ImageUndecodable},
		"chunk beyond the file":       {head + "\x7f\xff\xff\xfftEXt" + pixel + end, core.ImageTruncated},
		"4 billion frames":            {head + chunk("acTL", "\xff\xff\xff\xff\x00\x00\x00\x00") + pixel + end, core.TooManyFrames},
		"frame controls without end":  {head + pixel + strings.Repeat(chunk("fcTL", ""), countedFrames+1) + end, core.TooManyFrames},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, PNG, []byte(c.data))
				return
			}
			refused(t, PNG, []byte(c.data), c.want)
		})
	}
}

func TestPNGMetadataCountsUnpacked(t *testing.T) {
	for name, c := range map[string]struct {
		chunks []string
		want   core.Slug
	}{
		"text of 1 MiB":           {[]string{chunk("zTXt", "k\x00\x00"+zeros(1))}, ""},
		"text of 200 MiB":         {[]string{chunk("zTXt", "k\x00\x00"+zeros(200))}, core.MetadataTooLarge},
		"international text":      {[]string{chunk("iTXt", "k\x00\x01\x00en\x00key\x00"+zeros(9))}, core.MetadataTooLarge},
		"profile":                 {[]string{chunk("iCCP", "k\x00\x00"+zeros(9))}, core.MetadataTooLarge},
		"three, too much as one":  {[]string{chunk("zTXt", "k\x00\x00"+zeros(3)), chunk("zTXt", "k\x00\x00"+zeros(3)), chunk("zTXt", "k\x00\x00"+zeros(3))}, core.MetadataTooLarge},
		"plain text":              {[]string{chunk("iTXt", "k\x00\x00\x00\x00\x00"+strings.Repeat("x", 9<<20))}, core.MetadataTooLarge},
		"EXIF":                    {[]string{chunk("eXIf", strings.Repeat("x", 9<<20))}, core.MetadataTooLarge},
		"text that is no deflate": {[]string{chunk("zTXt", "k\x00\x00xxxxxxxxxx")}, ""},
		"text without keyword":    {[]string{chunk("zTXt", "kkkk"), chunk("iTXt", ""), chunk("iCCP", "k\x00")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, PNG, smallPNG(c.chunks...))
				return
			}
			refused(t, PNG, smallPNG(c.chunks...), c.want)
		})
	}
	o := accepted(t, PNG, smallPNG(chunk("zTXt", "k\x00\x00"+zeros(1))))
	if o.MetadataBytes < 1<<20 || o.MetadataBytes > 1<<20+4096 {
		t.Errorf("metadata of 1 MiB and its packing: got %d bytes", o.MetadataBytes)
	}
}

func TestAnimatedPNGTellsItsFrames(t *testing.T) {
	o := accepted(t, PNG, smallPNG(chunk("acTL", "\x00\x00\x00\x05\x00\x00\x00\x00")))
	if o.Frames != 5 || o.Pixels() != 5 {
		t.Errorf("got %d frames and %d pixels, want 5 of each", o.Frames, o.Pixels())
	}
}
