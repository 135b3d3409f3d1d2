package rest

import (
	"bufio"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"imgd/core"
	"imgd/core/ingest"
)

// Bounds of a form.
const (
	maxPartHeader = 8 << 10
	maxField      = 64 << 10
	maxBoundary   = 70 // RFC 2046
)

// readAhead is how much is asked of a connection at once.
const readAhead = 64 << 10

// formFields are the parts a form may have, each of them once: there is no need
// to count them.
var formFields = []string{"file", "bucket", "external_id", "metadata", "preset", "variants", "expires_at"}

// form walks a multipart body part by part and keeps nothing of the file.
type form struct {
	parts  *multipart.Reader
	wire   *throttle
	fields ingest.Fields
	seen   map[string]bool
}

// newForm reads the boundary and nothing else.
func newForm(r *http.Request) (*form, error) {
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	boundary := params["boundary"]
	if err != nil || boundary == "" {
		return nil, core.InvalidMultipart.Errorf("the Content-Type has no boundary; let your HTTP library write it").Because(err)
	}
	if len(boundary) > maxBoundary {
		return nil, core.InvalidMultipart.Errorf("the boundary has more than %d characters", maxBoundary).With("limit", maxBoundary)
	}
	// A part hands on what its reader has looked at, four KiB at a time.
	wire := &throttle{r: bufio.NewReaderSize(r.Body, readAhead)}
	return &form{parts: multipart.NewReader(wire, boundary), wire: wire, seen: map[string]bool{}}, nil
}

// walk hands the file to its taker when it arrives, and returns all fields at
// the end.
func (f *form) walk(file func(ingest.File, ingest.Fields) error) (ingest.Fields, error) {
	for {
		part, err := f.next()
		if err == io.EOF { //nolint:errorlint // the form's own end
			return f.fields, f.complete()
		}
		if err != nil {
			return f.fields, err
		}
		if err := f.take(part, file); err != nil {
			return f.fields, err
		}
		if err := drain(part); err != nil {
			return f.fields, err
		}
	}
}

// next returns the next part, or io.EOF after the closing boundary. Reading its
// header takes no more memory than a header may have.
func (f *form) next() (*multipart.Part, error) {
	f.wire.limit(maxPartHeader + 8<<10) // what the reader reads ahead is not the header's
	part, err := f.parts.NextPart()
	f.wire.limit(0)
	if err == io.EOF { //nolint:errorlint // a wrapped EOF is a body without its closing boundary
		return nil, io.EOF
	}
	if err != nil {
		return nil, brokenForm(err)
	}
	size := 0
	for name, values := range part.Header {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	if size > maxPartHeader {
		return nil, longHeader()
	}
	return part, nil
}

// take reads one part, which may come once.
func (f *form) take(part *multipart.Part, file func(ingest.File, ingest.Fields) error) error {
	name := part.FormName()
	switch {
	case name == "":
		return core.InvalidMultipart.Errorf("a part has no name: its header needs Content-Disposition: form-data; name=\"...\"")
	case f.field(name) == nil && name != "file":
		return core.FieldUnknown.Errorf("the form has a field %q; there are %s", clip(name, 64), strings.Join(formFields, ", ")).With("allowed", formFields)
	case f.seen[name] && name == "file":
		return core.FileRepeated.Errorf("the form has a second file; send each image in a request of its own")
	case f.seen[name]:
		return core.FieldRepeated.Errorf("the field %s came twice; send it once", name).With("parameter", name)
	}
	f.seen[name] = true
	if name == "file" {
		return file(ingest.File{Name: part.FileName(), ContentType: part.Header.Get("Content-Type"), Body: formBody{part}}, f.fields)
	}
	text, err := readField(name, formBody{part})
	if err != nil {
		return err
	}
	*f.field(name) = text
	return nil
}

// field is where a field's text belongs; nil for a name there is not.
func (f *form) field(name string) *string {
	switch name {
	case "bucket":
		return &f.fields.Bucket
	case "external_id":
		return &f.fields.ExternalID
	case "metadata":
		return &f.fields.Metadata
	case "preset":
		return &f.fields.Preset
	case "variants":
		return &f.fields.Variants
	case "expires_at":
		return &f.fields.ExpiresAt
	}
	return nil
}

// complete refuses a form that ended without a file.
func (f *form) complete() error {
	if f.seen["file"] {
		return nil
	}
	return core.FileMissing.Errorf("the form has no part named file; send the image in it")
}

// readField reads the text of a field.
func readField(name string, r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxField+1))
	if err != nil {
		return "", err
	}
	if len(text) > maxField {
		slug := core.InvalidMultipart
		if name == "metadata" {
			slug = core.InvalidMetadata
		}
		return "", slug.Errorf("the field %s has more than %d bytes; send less", name, maxField).With("limit", maxField).With("parameter", name)
	}
	if !utf8.Valid(text) {
		return "", core.InvalidMultipart.Errorf("the field %s is not UTF-8", name).With("parameter", name)
	}
	return string(text), nil
}

// drain reads what the taker of a part left.
func drain(part *multipart.Part) error {
	_, err := io.Copy(io.Discard, formBody{part})
	return err
}

// formBody is a part's body whose errors have a kind.
type formBody struct{ *multipart.Part }

func (b formBody) Read(p []byte) (int, error) {
	n, err := b.Part.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the reader's own end
		return n, brokenForm(err)
	}
	return n, err
}

// brokenForm gives an error of the multipart reader its kind; one of the wire
// below it has one already.
func brokenForm(err error) error {
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	if errors.Is(err, errLongHeader) || errors.Is(err, multipart.ErrMessageTooLarge) {
		return longHeader()
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return core.InvalidMultipart.Errorf("the form ends before its closing boundary; send all of it")
	}
	return core.InvalidMultipart.Errorf("the form is not multipart/form-data as RFC 7578 describes it").Because(err)
}

func longHeader() error {
	return core.InvalidMultipart.Errorf("what stands before a part's body has more than %d bytes", maxPartHeader).With("limit", maxPartHeader)
}

var errLongHeader = errors.New("too many bytes between two parts")

// throttle lets a bounded number of bytes through while a limit is set.
type throttle struct {
	r    io.Reader
	on   bool
	left int
}

// limit bounds what is read from now on; zero takes the bound away.
func (t *throttle) limit(n int) { t.on, t.left = n > 0, n }

func (t *throttle) Read(p []byte) (int, error) {
	if !t.on {
		return t.r.Read(p)
	}
	if t.left <= 0 {
		return 0, errLongHeader
	}
	n, err := t.r.Read(p[:min(len(p), t.left)])
	t.left -= n
	return n, err
}
