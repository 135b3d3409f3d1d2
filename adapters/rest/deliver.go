package rest

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/deliver"
)

// GetVariant answers with the bytes of a variant.
func (s *Server) GetVariant(ctx context.Context, req api.GetVariantRequestObject) (api.GetVariantResponseObject, error) {
	if req.Params.Redirect != nil {
		if there, err := s.elsewhere(ctx, idOr(&req.ImageID), req.Name); err != nil || there != nil {
			return there, err
		}
	}
	return s.openVariant(ctx, req.ImageID, req.Name, value(req.Params.V))
}

// HeadVariant answers with the headers of a variant.
func (s *Server) HeadVariant(ctx context.Context, req api.HeadVariantRequestObject) (api.HeadVariantResponseObject, error) {
	return s.openVariant(ctx, req.ImageID, req.Name, value(req.Params.V))
}

// openVariant makes an answer of stored bytes.
func (s *Server) openVariant(ctx context.Context, image core.ID, name, v string) (*content, error) {
	by := callOf(ctx).by
	o, err := s.Deliver.Variant(ctx, by, idOr(&image), name)
	if err != nil {
		return nil, err
	}
	return &content{
		request: callOf(ctx).request, opened: o, bytes: o.Variant.Bytes, sha256: o.Variant.SHA256,
		contentType: o.Variant.ContentType, modified: o.Variant.UpdatedAt, cache: s.caching(by, o.Found, v),
		disposition: disposition("inline", variantFilename(o.Found)),
	}, nil
}

// GetOriginal answers with the bytes of an original, as a file to be saved.
func (s *Server) GetOriginal(ctx context.Context, req api.GetOriginalRequestObject) (api.GetOriginalResponseObject, error) {
	o, err := s.Deliver.Original(ctx, callOf(ctx).by, idOr(&req.ImageID))
	if err != nil {
		return nil, err
	}
	name := o.Image.Filename
	if name == "" {
		name = string(o.Image.ID) + extension(o.Image.ContentType)
	}
	return &content{
		request: callOf(ctx).request, opened: o, bytes: o.Image.Bytes, sha256: o.Image.SHA256,
		contentType: "application/octet-stream", modified: o.Image.CreatedAt, cache: "no-store",
		disposition: disposition("attachment", name),
	}, nil
}

// content is an answer of stored bytes. It closes them.
type content struct {
	request     *http.Request
	opened      deliver.Opened
	bytes       int64
	sha256      string
	contentType string
	modified    time.Time
	cache       string
	disposition string
}

// VisitGetVariantResponse writes the answer.
func (c *content) VisitGetVariantResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitHeadVariantResponse writes the headers of the answer.
func (c *content) VisitHeadVariantResponse(w http.ResponseWriter) error { return c.write(w) }

// VisitGetOriginalResponse writes the answer.
func (c *content) VisitGetOriginalResponse(w http.ResponseWriter) error { return c.write(w) }

func (c *content) write(w http.ResponseWriter) error {
	defer c.opened.Close() //nolint:errcheck // it was only read
	if c.opened.Bytes != c.bytes {
		return fmt.Errorf("%d bytes are stored where %d were recorded", c.opened.Bytes, c.bytes)
	}
	h := w.Header()
	h.Set("ETag", `"`+c.sha256+`"`)
	h.Set("Content-Type", c.contentType)
	h.Set("Cache-Control", c.cache)
	h.Set("Content-Disposition", c.disposition)
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	patience := bodyIdle + time.Duration(float64(c.bytes)/bodyRate*float64(time.Second))
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience)) // a writer of a test has none
	out := &refusing{ResponseWriter: w}
	in := &watched{ReadSeeker: c.opened}
	var source io.ReadSeeker = in
	if c.opened.File != nil {
		source = c.opened.File // the kernel sends it
	}
	if c.request.Method == http.MethodHead {
		c.request.Header.Del("Range") // it means nothing but to GET (RFC 9110, section 14.2)
	}
	http.ServeContent(out, c.request, "", c.modified, source)
	if in.err != nil {
		return in.err
	}
	return out.err
}

// watched remembers why reading failed; http.ServeContent does not say.
type watched struct {
	io.ReadSeeker
	err error
}

func (r *watched) Read(p []byte) (int, error) {
	n, err := r.ReadSeeker.Read(p)
	if err != nil && err != io.EOF { //nolint:errorlint // the reader's own end
		r.err = err
	}
	return n, err
}

func (r *watched) Seek(offset int64, whence int) (int64, error) {
	n, err := r.ReadSeeker.Seek(offset, whence)
	if err != nil {
		r.err = err
	}
	return n, err
}

// refusing keeps the errors that http.ServeContent would answer in plain text.
type refusing struct {
	http.ResponseWriter
	err error
}

func (w *refusing) WriteHeader(status int) {
	switch {
	case status < 400:
		w.ResponseWriter.WriteHeader(status)
	case status == http.StatusRequestedRangeNotSatisfiable:
		w.err = core.RangeNotSatisfiable.Errorf("the range lies outside of the content")
	case status == http.StatusPreconditionFailed:
		w.err = core.PreconditionFailed.Errorf("the content is not what the precondition names")
	default:
		w.err = fmt.Errorf("serving stored bytes: status %d", status)
	}
}

func (w *refusing) Write(p []byte) (int, error) {
	if w.err != nil {
		return len(p), nil
	}
	return w.ResponseWriter.Write(p)
}

// ReadFrom lets the kernel send files.
func (w *refusing) ReadFrom(r io.Reader) (int64, error) { return io.Copy(w.ResponseWriter, r) }

// variantFilename is the original's name with the variant's, or the image's id.
func variantFilename(f deliver.Found) string {
	base := f.Image.Filename
	if i := strings.LastIndexByte(base, '.'); i > 0 {
		base = base[:i]
	}
	if base == "" {
		base = string(f.Image.ID)
	}
	return base + "-" + f.Variant.Name + extension(f.Variant.ContentType)
}

// extension is the usual ending of an image type.
func extension(contentType string) string {
	media, _, err := mime.ParseMediaType(contentType)
	name, ok := strings.CutPrefix(media, "image/")
	switch {
	case err != nil || !ok:
		return ""
	case name == "jpeg":
		return ".jpg"
	case name == "svg+xml":
		return ".svg"
	}
	return "." + name
}

// disposition names a file as RFC 6266 has it: in ASCII for everybody, and
// exactly for those who read RFC 8187.
func disposition(kind, name string) string {
	ascii := strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e || strings.ContainsRune(`"\%`, r) {
			return '_'
		}
		return r
	}, name)
	if ascii == name {
		return kind + `; filename="` + ascii + `"`
	}
	return kind + `; filename="` + ascii + `"; filename*=UTF-8''` + strings.ReplaceAll(url.QueryEscape(name), "+", "%20")
}
