package structure

import (
	"strings"
	"testing"

	"imgd/core"
)

func TestWebPOutline(t *testing.T) {
	if o := accepted(t, WebP, riff(vp8(300, 200))); o.Width != 300 || o.Height != 200 || o.Alpha || o.Frames != 1 {
		t.Errorf("lossy: got %+v, want 300 x 200, opaque, one frame", o)
	}
	if o := accepted(t, WebP, riff(vp8l(300, 200))); o.Width != 300 || o.Height != 200 || !o.Alpha || o.Bands != 4 {
		t.Errorf("lossless: got %+v, want 300 x 200 with alpha", o)
	}
	extended := riff(vp8x(0x3c, 30, 20), webpChunk("ICCP", "12345"), webpChunk("ALPH", "a"), vp8(30, 20), webpChunk("EXIF", "123"))
	if o := accepted(t, WebP, extended); o.Width != 30 || !o.Alpha || o.MetadataBytes != 8 {
		t.Errorf("extended: got %+v, want 30 pixels, alpha, 8 bytes of metadata", o)
	}
	animated := riff(vp8x(0x02, 30, 20), webpChunk("ANIM", "123456"), anmf(0, 0, 30, 20, vp8(30, 20)), anmf(10, 10, 4, 6, vp8l(4, 6)))
	if o := accepted(t, WebP, animated); o.Frames != 2 || o.Pixels() != 1200 {
		t.Errorf("animated: got %+v, want 2 frames, 1200 pixels", o)
	}
}

func TestEveryProperPrefixOfAWebPIsRefused(t *testing.T) {
	prefixesRefused(t, WebP, riff(vp8x(0x0a, 30, 20), anmf(0, 0, 30, 20, vp8(30, 20)), webpChunk("EXIF", "1234")))
}

func TestWebPStructure(t *testing.T) {
	for name, c := range map[string]struct {
		data []byte
		want core.Slug
	}{
		"bytes behind the end":         {append(riff(vp8(3, 2)), "tail"...), ""},
		"chunk beyond its container":   {[]byte(string(riff(vp8(3, 2))[:16]) + le32(1<<31) + string(riff(vp8(3, 2))[20:])), core.ImageUndecodable},
		"no pixels":                    {riff(vp8x(0, 3, 2)), core.ImageUndecodable},
		"animation without frames":     {riff(vp8x(2, 3, 2)), core.ImageUndecodable},
		"metadata first":               {riff(webpChunk("EXIF", "1234"), vp8(3, 2)), core.ImageUndecodable},
		"picture unlike its canvas":    {riff(vp8x(0, 3, 2), vp8(3000, 2000)), core.ImageUndecodable},
		"picture unlike its frame":     {riff(vp8x(2, 9, 9), anmf(0, 0, 3, 2, vp8(3000, 2000))), core.ImageUndecodable},
		"frame beyond the canvas":      {riff(vp8x(2, 9, 9), anmf(8, 0, 3, 2, vp8(3, 2))), core.ImageUndecodable},
		"frame without a picture":      {riff(vp8x(2, 9, 9), anmf(0, 0, 3, 2, "")), core.ImageUndecodable},
		"frame without a canvas":       {riff(vp8(3, 2), anmf(0, 0, 3, 2, vp8(3, 2))), core.ImageUndecodable},
		"two pictures":                 {riff(vp8(3, 2), vp8(3, 2)), core.ImageUndecodable},
		"no width":                     {riff(vp8(0, 2)), core.ImageUndecodable},
		"a canvas of 281 terapixels":   {riff(vp8x(2, 1<<24, 1<<24), anmf(0, 0, 3, 2, vp8(3, 2))), core.ImageTooLarge},
		"chunks without end":           {riff(vp8x(0, 3, 2), strings.Repeat(webpChunk("abcd", ""), 300), vp8(3, 2)), core.ImageTooComplex},
		"9 MiB of EXIF":                {riff(vp8x(8, 3, 2), vp8(3, 2), webpChunk("EXIF", strings.Repeat("x", 9<<20))), core.MetadataTooLarge},
		"frames without end":           {riff(vp8x(2, 3, 2), strings.Repeat(anmf(0, 0, 3, 2, vp8(3, 2)), countedFrames+1)), core.TooManyFrames},
		"lossless of another version":  {riff(webpChunk("VP8L", "\x2f\x00\x00\x00\xe0")), core.ImageUndecodable},
		"lossy without its start code": {riff(webpChunk("VP8 ", strings.Repeat("\x00", 10))), core.ImageUndecodable},
		"something else":               {[]byte("RIFF\x04\x00\x00\x00WAVE"), core.ImageUndecodable},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, WebP, c.data)
				return
			}
			refused(t, WebP, c.data, c.want)
		})
	}
}
