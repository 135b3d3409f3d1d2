package structure

// Format is a file format known by its magic bytes.
type Format string

// The formats Sniff knows.
const (
	JPEG Format = "jpeg"
	PNG  Format = "png"
	WebP Format = "webp"
	GIF  Format = "gif"
	AVIF Format = "avif"
	HEIC Format = "heic"
	TIFF Format = "tiff"
	JXL  Format = "jxl"
	SVG  Format = "svg"
	PDF  Format = "pdf"
)

// ContentType returns the format's media type, application/octet-stream for one
// that is not known.
func (f Format) ContentType() string {
	if t, ok := traits[f]; ok {
		return t.contentType
	}
	return "application/octet-stream"
}

// Ext returns the format's file extension without a dot, bin for one that is not
// known.
func (f Format) Ext() string {
	if t, ok := traits[f]; ok {
		return t.ext
	}
	return "bin"
}

// Loader returns the name of the libvips operation that reads the format, and ""
// for one that is not known. Calling it by name keeps libvips from guessing.
func (f Format) Loader() string { return traits[f].loader }

// title is how sentences call the format.
func (f Format) title() string {
	if t, ok := traits[f]; ok {
		return t.title
	}
	return "file"
}

type trait struct{ title, contentType, ext, loader string }

var traits = map[Format]trait{
	JPEG: {"JPEG", "image/jpeg", "jpg", "jpegload"},
	PNG:  {"PNG", "image/png", "png", "pngload"},
	WebP: {"WebP", "image/webp", "webp", "webpload"},
	GIF:  {"GIF", "image/gif", "gif", "gifload"},
	AVIF: {"AVIF", "image/avif", "avif", "heifload"},
	HEIC: {"HEIC", "image/heic", "heic", "heifload"},
	TIFF: {"TIFF", "image/tiff", "tiff", "tiffload"},
	JXL:  {"JPEG XL", "image/jxl", "jxl", "jxlload"},
	SVG:  {"SVG", "image/svg+xml", "svg", "svgload"},
	PDF:  {"PDF", "application/pdf", "pdf", "pdfload"},
}
