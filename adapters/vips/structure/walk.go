package structure

import (
	"io"

	"imgd/core"
)

// Limits are what a file's structure may ask for. A field that is zero or less
// has the value of DefaultLimits.
type Limits struct {
	MaxSide       int   // pixels along either side
	MaxPixels     int64 // width times height of one image
	MetadataBytes int64 // EXIF, XMP, ICC, text and comments together, unpacked
	Scans         int   // of a JPEG
	Chunks        int   // of a PNG before its pixels, of a WebP beside its frames
	Segments      int   // of a JPEG beside its scans
	Directories   int   // of a TIFF
	Items         int   // of an AVIF or HEIC

	SVGBytes       int64 // of an SVG, which is read into a tree
	Elements       int   // of an SVG as it is written
	Depth          int   // of its elements inside each other; twice that when references are followed
	AttributeBytes int   // of one of its attributes, such as an outline or an embedded picture
	Steps          int   // of drawing it: its elements, each as often as references have it drawn
	Layers         int   // surfaces it is drawn on at once: opacity, masks, filters

	PDFBytes int64 // of a PDF
	Objects  int   // of a PDF
}

// DefaultLimits returns limits that no honest file reaches.
func DefaultLimits() Limits {
	return Limits{
		MaxSide:       65500,
		MaxPixels:     268_402_689, // 16383 squared
		MetadataBytes: 8 << 20,
		Scans:         64,
		Chunks:        256,
		Segments:      2048,
		Directories:   64,
		Items:         1024,

		SVGBytes:       16 << 20,
		Elements:       100_000,
		Depth:          128,
		AttributeBytes: 8 << 20,
		Steps:          1_000_000,
		Layers:         32,

		PDFBytes: 64 << 20,
		Objects:  500_000,
	}
}

// Bounds that no setting moves.
const (
	countedFrames = 100_000 // an animation is not counted any further
	maxEntries    = 4096    // of one TIFF directory
	maxStrips     = 1 << 20 // of all TIFF directories together
	maxUnit       = 256 << 20
	maxBoxes      = 4096 // of one AVIF or HEIC container box
	maxExtents    = 65536
)

// Outline is what the structure of a file tells without decoding it. What the
// format does not tell, or its walker does not look for, is zero.
type Outline struct {
	Format Format

	Width  int // of the canvas, or of the first page; before any orientation. A PDF's are its decoder's to find
	Height int
	Frames int // of the animation, 1 for a still; not held against a limit here
	Pages  int // directories of a TIFF

	Scans       int  // of a JPEG; more than one, and it is decoded as a whole
	Progressive bool // JPEG
	Interlaced  bool // PNG, GIF
	Alpha       bool // a channel or a palette entry for it is there
	Bands       int
	Bits        int // of one band

	MetadataBytes int64
	Items         int // of an AVIF or HEIC

	Text           bool  // an SVG has words in it, for which there are no fonts
	Layers         int   // surfaces that an SVG is drawn on at once, beside the picture
	EmbeddedPixels int64 // of the pictures in an SVG
}

// Pixels is what decoding all frames of the file makes.
func (o Outline) Pixels() int64 {
	return int64(o.Frames) * int64(o.Width) * int64(o.Height)
}

// Walk follows the structure of a file of the format to its end. A file that it
// accepts is whole as far as its structure tells, and within the limits: its
// dimensions are set, positive and no larger than allowed. Those of a PDF are not
// set: its pages are found by its decoder alone.
//
// A refusal is ImageTruncated, ImageUndecodable, SVGNotAllowed, ImageTooLarge,
// ImageTooComplex, MetadataTooLarge or TooManyFrames, the last four with the facts limit and
// actual, where counting stops at the first too many. With ImageTruncated comes
// the Outline of what is there, for a caller that takes damaged files. Any other
// error is r's.
func Walk(f Format, r io.ReaderAt, size int64, limits Limits) (Outline, error) {
	o := Outline{Format: f}
	walk, ok := walkers[f]
	if !ok {
		return o, core.UnsupportedMediaType.Errorf("the file is of no known format; send a JPEG, PNG, WebP, GIF, AVIF, HEIC or TIFF")
	}
	o.Frames = 1
	err := walk(&o, newWindow(f, r, size), limits.orDefault())
	return o, err
}

// A walker fills the outline while it follows the file.
type walker func(*Outline, *window, Limits) error

var walkers = map[Format]walker{
	JPEG: walkJPEG,
	PNG:  walkPNG,
	GIF:  walkGIF,
	WebP: walkWebP,
	TIFF: walkTIFF,
	AVIF: walkHEIF,
	HEIC: walkHEIF,
	JXL:  walkJXL,
	PDF:  walkPDF,
}

func init() { walkers[SVG] = walkSVG } // which walks the pictures in it

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	return Limits{
		MaxSide:       orDefault(l.MaxSide, d.MaxSide),
		MaxPixels:     orDefault(l.MaxPixels, d.MaxPixels),
		MetadataBytes: orDefault(l.MetadataBytes, d.MetadataBytes),
		Scans:         orDefault(l.Scans, d.Scans),
		Chunks:        orDefault(l.Chunks, d.Chunks),
		Segments:      orDefault(l.Segments, d.Segments),
		Directories:   orDefault(l.Directories, d.Directories),
		Items:         orDefault(l.Items, d.Items),

		SVGBytes:       orDefault(l.SVGBytes, d.SVGBytes),
		Elements:       orDefault(l.Elements, d.Elements),
		Depth:          orDefault(l.Depth, d.Depth),
		AttributeBytes: orDefault(l.AttributeBytes, d.AttributeBytes),
		Steps:          orDefault(l.Steps, d.Steps),
		Layers:         orDefault(l.Layers, d.Layers),

		PDFBytes: orDefault(l.PDFBytes, d.PDFBytes),
		Objects:  orDefault(l.Objects, d.Objects),
	}
}

func orDefault[N int | int64](n, d N) N {
	if n > 0 {
		return n
	}
	return d
}
