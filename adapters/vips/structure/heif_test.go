package structure

import (
	"strings"
	"testing"

	"imgd/core"
)

func TestHEIFOutline(t *testing.T) {
	thumbnail := box("ispe", be32(0), be32(30), be32(20))
	alpha := box("auxC", be32(0), "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00")
	depth := box("pixi", be32(0), "\x03\x0a\x0a\x0a")
	o := accepted(t, AVIF, heifFile(300, 200, 1, thumbnail, alpha, depth))
	if o.Width != 300 || o.Height != 200 || o.Items != 1 || !o.Alpha || o.Bands != 3 || o.Bits != 10 {
		t.Errorf("got %+v, want the largest size of 300 x 200, one item, alpha, 3 bands of 10 bits", o)
	}
	if o := accepted(t, HEIC, heifFile(300, 200, 1)); o.Format != HEIC || o.Alpha {
		t.Errorf("got %+v, want HEIC without alpha", o)
	}
}

func TestEveryProperPrefixOfAnAVIFIsRefused(t *testing.T) {
	prefixesRefused(t, AVIF, heifFile(300, 200, 1))
}

func TestHEIFStructure(t *testing.T) {
	sound := string(heifFile(300, 200, 1))
	open := strings.Replace(sound, be32(14)+"mdat", be32(0)+"mdat", 1)
	long := strings.Replace(sound, be32(14)+"mdat", be32(1)+"mdat", 1)
	beyond := ftyp("avif") + box("meta", be32(0),
		box("iloc", be32(0), "\x44\x00", be16(1), be16(1), be16(0), be16(1), be32(8), be32(1<<20)))
	exif := ftyp("avif") + box("meta", be32(0),
		box("iinf", be32(0), be16(2), box("infe", "\x02\x00\x00\x00", be16(2), be16(0), "Exif", "\x00")),
		box("iloc", be32(0), "\x44\x00", be16(1), be16(2), be16(0), be16(1), be32(8), be32(9<<20)),
		box("iprp", box("ipco", box("ispe", be32(0), be32(3), be32(2))))) + box("mdat", strings.Repeat("x", 9<<20))
	for name, c := range map[string]struct {
		data string
		want core.Slug
	}{
		"last box open":               {open, ""},
		"another box behind":          {sound + box("free"), ""},
		"1024 items":                  {string(heifFile(3, 2, 1024)), ""},
		"1025 items":                  {string(heifFile(3, 2, 1025)), core.ImageTooComplex},
		"4 billion items":             {ftyp("avif") + box("meta", be32(0), box("iinf", "\x01\x00\x00\x00", be32(-1))), core.ImageTooComplex},
		"4 billion places":            {ftyp("avif") + box("meta", be32(0), box("iloc", "\x02\x00\x00\x00", "\x44\x00", be32(-1))), core.ImageTooComplex},
		"box cut in its long length":  {long, core.ImageTruncated},
		"box of 4 bytes":              {sound + be32(4) + "free", core.ImageUndecodable},
		"box beyond the file":         {sound + be32(9) + "free", core.ImageTruncated},
		"box of 2^64-1 bytes":         {sound + be32(1) + "free" + strings.Repeat("\xff", 8), core.ImageTruncated},
		"box beyond its container":    {ftyp("avif") + box("meta", be32(0), be32(99)+"iinf") + box("free"), core.ImageUndecodable},
		"item beyond the file":        {beyond, core.ImageTruncated},
		"boxes without end":           {sound + strings.Repeat(box("free"), 5000), core.ImageTooComplex},
		"two descriptions":            {sound + sound, core.ImageUndecodable},
		"no description":              {ftyp("avif") + box("mdat", "x"), core.ImageUndecodable},
		"no dimensions":               {ftyp("avif") + box("meta", be32(0), box("iinf", be32(0), be16(1))), core.ImageUndecodable},
		"dimensions of 0":             {string(heifFile(0, 2, 1)), core.ImageUndecodable},
		"dimensions too large":        {string(heifFile(17000, 17000, 1)), core.ImageTooLarge},
		"dimensions of 2^32-1":        {string(heifFile(-1, -1, 1)), core.ImageTooLarge},
		"one of two is too large":     {string(heifFile(3, 2, 1, box("ispe", be32(0), be32(70000), be32(2)))), core.ImageTooLarge},
		"9 MiB of EXIF":               {exif, core.MetadataTooLarge},
		"9 MiB of colour profile":     {string(heifFile(3, 2, 1, box("colr", strings.Repeat("x", 9<<20)))), core.MetadataTooLarge},
		"numbers of 3 bytes":          {ftyp("avif") + box("meta", be32(0), box("iloc", be32(0), "\x33\x00", be16(1), be16(1), be16(0), be16(1), "xxxxxxxx")), core.ImageUndecodable},
		"extents without end":         {ftyp("avif") + box("meta", be32(0), box("iloc", be32(0), "\x00\x00", be16(2), strings.Repeat(be16(1)+be16(0)+be16(-1), 2))), core.ImageTooComplex},
		"nothing but the file's type": {ftyp("avif"), core.ImageUndecodable},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				accepted(t, AVIF, []byte(c.data))
				return
			}
			refused(t, AVIF, []byte(c.data), c.want)
		})
	}
}
