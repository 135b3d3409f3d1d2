package structure

import (
	"strings"
	"testing"
)

func TestSniffDecidesByTheFirstBytes(t *testing.T) {
	brands := func(size byte, brands string) string { return "\x00\x00\x00" + string(size) + "ftyp" + brands }
	for name, c := range map[string]struct {
		head string
		want Format
	}{
		"JPEG":                          {"\xff\xd8\xff\xe0\x00\x10JFIF", JPEG},
		"JPEG start without a marker":   {"\xff\xd8\x00", ""},
		"PNG":                           {"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR", PNG},
		"PNG after a text transfer":     {"\x89PNG\n\x1a\n", ""},
		"WebP":                          {"RIFF\x24\x00\x00\x00WEBPVP8 ", WebP},
		"WAVE, RIFF too":                {"RIFF\x24\x00\x00\x00WAVEfmt ", ""},
		"GIF of 1987":                   {"GIF87a\x01\x00", GIF},
		"GIF of 1989":                   {"GIF89a\x01\x00", GIF},
		"GIF of 1988":                   {"GIF88a\x01\x00", ""},
		"AVIF":                          {brands(24, "avif\x00\x00\x00\x00mif1miaf"), AVIF},
		"AVIF sequence":                 {brands(24, "avis\x00\x00\x00\x00msf1miaf"), AVIF},
		"AVIF under the general brand":  {brands(24, "mif1\x00\x00\x00\x00miafavif"), AVIF},
		"HEIC":                          {brands(24, "heic\x00\x00\x00\x00mif1heic"), HEIC},
		"HEIC of ten bits":              {brands(24, "heix\x00\x00\x00\x00mif1heix"), HEIC},
		"HEIC under the general brand":  {brands(24, "mif1\x00\x00\x00\x00mif1heic"), HEIC},
		"brand behind the ftyp box":     {brands(20, "mif1\x00\x00\x00\x00heicavif"), HEIC},
		"MP4":                           {brands(24, "isom\x00\x00\x02\x00isomavc1"), ""},
		"ftyp box of no length":         {brands(0, "avif\x00\x00\x00\x00mif1miaf"), ""},
		"TIFF, little endian":           {"II*\x00\x08\x00\x00\x00", TIFF},
		"TIFF, big endian":              {"MM\x00*\x00\x00\x00\x08", TIFF},
		"BigTIFF, little endian":        {"II+\x00\x08\x00\x00\x00", TIFF},
		"BigTIFF, big endian":           {"MM\x00+\x00\x08\x00\x00", TIFF},
		"TIFF of mixed endianness":      {"II\x00*\x00\x00\x00\x08", ""},
		"JPEG XL codestream":            {"\xff\x0a\xfa\x1f", JXL},
		"JPEG XL container":             {"\x00\x00\x00\x0cJXL \r\n\x87\n\x00", JXL},
		"SVG":                           {`<svg xmlns="http://www.w3.org/2000/svg">`, SVG},
		"SVG after mark and prolog":     {"\xef\xbb\xbf \r\n<?xml version=\"1.0\"?>\n<!-- x --><svg>", SVG},
		"SVG by its document type":      {"<?xml version='1.0'?><!DOCTYPE svg PUBLIC", SVG},
		"SVG behind a comment":          {"<!--" + strings.Repeat("x", 900) + "--><svg>", SVG},
		"SVG too far behind comments":   {"<!--" + strings.Repeat("x", 1100) + "--><svg>", ""},
		"element that begins like svg":  {"<svgfoo>", ""},
		"HTML with an SVG in it":        {"<html><svg>", ""},
		"XML that is no SVG":            {"<?xml version='1.0'?><rss>", ""},
		"PDF":                           {"%PDF-1.7\n", PDF},
		"PostScript":                    {"%!PS-Adobe-3.0 EPSF-3.0", ""},
		"gzip, compressed SVG or other": {"\x1f\x8b\x08\x00\x00", ""},
		"zip":                           {"PK\x03\x04", ""},
		"BMP":                           {"BM\x36\x00\x00\x00", ""},
		"ICO":                           {"\x00\x00\x01\x00\x01\x00", ""},
		"PSD":                           {"8BPS\x00\x01", ""},
		"ImageMagick's own":             {"id=ImageMagick version=1.0", ""},
		"drawing commands":              {"push graphic-context", ""},
		"nothing":                       {"", ""},
		"zeros":                         {strings.Repeat("\x00", 64), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Sniff([]byte(c.head))
			if got != c.want || ok != (c.want != "") {
				t.Errorf("Sniff(%q): got %q and %t, want %q", c.head, got, ok, c.want)
			}
		})
	}
}

func TestEveryFormatHasItsNames(t *testing.T) {
	for _, f := range []Format{JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, JXL, SVG, PDF} {
		if f.ContentType() == "application/octet-stream" || f.Ext() == "bin" || !strings.HasSuffix(f.Loader(), "load") {
			t.Errorf("%s: got content type %q, extension %q, loader %q, want its own", f, f.ContentType(), f.Ext(), f.Loader())
		}
	}
	if f := Format("bmp"); f.ContentType() != "application/octet-stream" || f.Ext() != "bin" || f.Loader() != "" {
		t.Errorf("an unknown format: got %q, %q, %q, want application/octet-stream, bin and no loader", f.ContentType(), f.Ext(), f.Loader())
	}
}
