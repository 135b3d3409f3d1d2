package fuzz

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"maps"
	"mime/multipart"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"imgd/e2e/contract"
)

// files are uploads: pictures, and what is none or not all of one.
var files = func() map[string][]byte {
	m := image.NewPaletted(image.Rect(0, 0, 33, 21), color.Palette{color.Black, color.White, color.RGBA{200, 0, 90, 255}})
	for i := range m.Pix {
		m.Pix[i] = uint8(i % 3)
	}
	var p, j, g bytes.Buffer
	_ = png.Encode(&p, m)
	_ = jpeg.Encode(&j, m, nil)
	_ = gif.Encode(&g, m, nil)
	return map[string][]byte{
		"png": p.Bytes(), "jpeg": j.Bytes(), "gif": g.Bytes(), "half": p.Bytes()[:p.Len()/2], "text": []byte("hello"), "none": {},
		"svg": []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>`), "long": bytes.Repeat([]byte{0xff, 0xd8, 0xff, 0xe0}, 100<<10), // more than is taken
		"header": p.Bytes()[:8], "behind": append(bytes.Clone(j.Bytes()), "<script>"...),
	}
}()

func drawFile(t *rapid.T) []byte {
	if !oneIn(t, 3, "no picture") {
		return files[pick(t, "file", "png", "jpeg", "gif")]
	}
	return files[pick(t, "file", slices.Sorted(maps.Keys(files))...)]
}

// drawBody draws a body for an operation that takes one.
func (s *session) drawBody(t *rapid.T, r *request, op *contract.Operation) {
	content := op.RequestBody.Value.Content
	media := pick(t, "media", slices.Sorted(maps.Keys(content))...)
	switch {
	case strings.HasPrefix(media, "multipart/"):
		r.query, r.refuse = nil, "" // its fields are parts
		s.form(t, r)
	case media == "image/*":
		r.header.Set("Content-Type", pick(t, "type", "image/png", "image/jpeg", "image/x-unknown", "image/svg+xml"))
		r.body = drawFile(t)
	default:
		r.header.Set("Content-Type", media)
		s.json(t, r, op, media)
	}
	if oneIn(t, 12, "another type") {
		media := pick(t, "type", "text/plain", "application/x-www-form-urlencoded", "", "json", "application/json;;", "multipart/mixed; boundary=x", "*/*", "application/octet-stream", "application/vnd.api+json", "\xff")
		r.header.Del("Content-Type")
		if media != "" {
			r.header.Set("Content-Type", media)
		}
		if media != "application/json;;" { // which a lenient reader may understand
			r.must("a body of another type")
		}
	}
}

// json draws a body that the schema lets pass, or bends one until it may not.
func (s *session) json(t *rapid.T, r *request, op *contract.Operation, media string) {
	schema := op.RequestBody.Value.Content[media].Schema.Value
	v := s.value(t, "", schema)
	if oneIn(t, 3, "bent") {
		v = bend(t, v)
	}
	r.body, _ = json.Marshal(v)
	if !fits(schema, v) {
		r.must("a body that the schema does not let pass")
	}
	if !oneIn(t, 6, "broken") {
		return
	}
	switch pick(t, "how", "cut", "more", "deep", "long", "twice", "none", "bytes", "infinite", "bom") {
	case "cut":
		r.body = r.body[:len(r.body)/2]
	case "more":
		r.body = append(r.body, pick(t, "more", "}", "[]", "x", "\x00", ",")...)
	case "deep":
		r.body = []byte(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000))
	case "long":
		r.body = fmt.Appendf(nil, `{"x":%q}`, strings.Repeat("x", 1<<20))
	case "twice":
		r.body = []byte(`{"ids":["` + absent + `"],"ids":["` + absent + `"]}`)
	case "none":
		r.body = nil
	case "bytes":
		r.body = []byte("\xff\xfe\x00{")
	case "infinite":
		r.body = []byte(`{"ids":[NaN]}`)
	case "bom":
		r.body = append([]byte("\ufeff"), r.body...)
	}
	r.must("a body that is no JSON, or too much of it")
}

// form draws a form, most often with a picture in it.
func (s *session) form(t *rapid.T, r *request) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.SetBoundary("boundary")
	schema := contract.Ours().Operation("uploadImage").RequestBody.Value.Content["multipart/form-data"].Schema.Value
	for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
		if name == "file" || !oneIn(t, 4, "has "+name) {
			continue
		}
		text := written(s.value(t, name, schema.Properties[name].Value))
		if oneIn(t, 6, "odd "+name) {
			text = pick(t, name, oddities...)
		}
		_ = w.WriteField(name, text)
	}
	how := "well"
	if oneIn(t, 4, "odd form") {
		how = pick(t, "how", "no file", "two files", "field twice", "unknown field", "no name", "odd name", "cut", "no boundary", "other boundary", "long field", "crlf", "nested")
	}
	switch how {
	case "unknown field":
		_ = w.WriteField(pick(t, "field", "bucktes", "", "file\x00", "日本", "__proto__"), "x")
		r.must("a field there is not")
	case "field twice":
		_ = w.WriteField("bucket", "a")
		_ = w.WriteField("bucket", "b")
		r.must("a field that came twice")
	case "long field":
		_ = w.WriteField("metadata", `{"a":"`+strings.Repeat("x", 70<<10)+`"}`)
		r.must("a field that is too long")
	case "no name":
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"text/plain"}})
		_, _ = p.Write([]byte("x"))
		r.must("a part without a name")
	case "nested":
		p, _ := w.CreatePart(textproto.MIMEHeader{"Content-Type": {"multipart/mixed; boundary=in"}, "Content-Disposition": {`form-data; name="file"; filename="x"`}})
		_, _ = p.Write([]byte("--in\r\n\r\nx\r\n--in--"))
		r.must("a form in a form")
	}
	if how != "no file" && how != "nested" {
		name := "a.png"
		if how == "odd name" {
			name = pick(t, "name", oddities...)
		}
		file, _ := w.CreateFormFile("file", name)
		_, _ = file.Write(drawFile(t))
	}
	if how == "two files" {
		file, _ := w.CreateFormFile("file", "b.png")
		_, _ = file.Write(files["png"])
		r.must("two files")
	}
	if how != "cut" {
		_ = w.Close()
	}
	r.body = b.Bytes()
	media := w.FormDataContentType()
	switch how {
	case "no file":
		r.must("no file")
	case "cut":
		r.must("a form without its end")
	case "no boundary":
		media = "multipart/form-data"
		r.must("no boundary")
	case "other boundary":
		media = "multipart/form-data; boundary=other"
		r.must("another boundary")
	case "crlf":
		r.body = bytes.ReplaceAll(r.body, []byte("\r\n"), []byte("\n"))
	}
	r.header.Set("Content-Type", media)
}

// pathOf is the target of an absolute address.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/"
	}
	return u.RequestURI()
}
