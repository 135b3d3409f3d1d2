package rest_test

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"

	"imgd/core"
	"imgd/ports"
)

func TestVariantBytesAreCachedByTheirContent(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	path := "/v1/images/" + j.ImageID + "/variants/medium"
	a := s.get(t, path).want(t, 200)
	m := read[image](t, s.get(t, "/v1/images/"+j.ImageID))
	var sha string
	for _, v := range m.Variants {
		if v.Name == "medium" {
			sha = *v.SHA256
		}
	}
	for header, want := range map[string]string{
		"Etag": `"` + sha + `"`, "Content-Type": "image/webp", "Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox", "Accept-Ranges": "bytes", "Content-Length": fmt.Sprint(len(a.body)),
		"Content-Disposition": `inline; filename="Sunset & sea-medium.webp"`,
	} {
		if got := a.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	if _, err := http.ParseTime(a.Header.Get("Last-Modified")); err != nil {
		t.Errorf("Last-Modified is %q", a.Header.Get("Last-Modified"))
	}
	for query, want := range map[string]string{
		"?v=" + sha[:16]:                      "private, max-age=31536000, immutable",
		"?v=" + sha[:16] + "&utm_source=mail": "private, max-age=31536000, immutable",
		"?v=0123456789abcdef":                 "private, no-cache",
		"?utm_source=mail":                    "private, no-cache",
	} {
		if got := s.get(t, path+query).want(t, 200).Header.Get("Cache-Control"); got != want {
			t.Errorf("with %s Cache-Control is %q, want %q", query, got, want)
		}
	}
	not := s.get(t, path, "If-None-Match", `"other", "`+sha+`"`).want(t, 304)
	if len(not.body) != 0 || not.Header.Get("ETag") != `"`+sha+`"` {
		t.Errorf("304 has %d bytes and the ETag %s", len(not.body), not.Header.Get("ETag"))
	}
	s.get(t, path, "If-Modified-Since", a.Header.Get("Last-Modified")).want(t, 304)
	part := s.get(t, path, "Range", "bytes=2-5").want(t, 206)
	if got := part.Header.Get("Content-Range"); string(part.body) != string(a.body[2:6]) || got != fmt.Sprintf("bytes 2-5/%d", len(a.body)) {
		t.Errorf("the range is %q (%s)", part.body, got)
	}
	many := s.get(t, path, "Range", "bytes=0-1,4-5").want(t, 206)
	if media, _, _ := mime.ParseMediaType(many.Header.Get("Content-Type")); media != "multipart/byteranges" {
		t.Errorf("two ranges come as %s", media)
	}
	if got := s.get(t, path, "Range", "bytes=2-5", "If-Range", `"old"`).want(t, 200); len(got.body) != len(a.body) {
		t.Errorf("a range of old content gives %d bytes, want all", len(got.body))
	}
	out := s.get(t, path, "Range", "bytes=99999-").want(t, 416)
	if out.slug() != "range-not-satisfiable" || out.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", len(a.body)) || out.Header.Get("ETag") != "" {
		t.Errorf("416 is %s with Content-Range %q and ETag %q", out.slug(), out.Header.Get("Content-Range"), out.Header.Get("ETag"))
	}
	if pre := s.get(t, path, "If-Match", `"other"`).want(t, 412); pre.slug() != "precondition-failed" {
		t.Errorf("412 is %s", pre.slug())
	}
}

func TestTheOriginalIsAnAttachmentForItsOwner(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	path := "/v1/images/" + j.ImageID + "/original"
	a := s.get(t, path).want(t, 200)
	if !strings.HasPrefix(string(a.body), "FAKE 4000x3000 x") {
		t.Errorf("the original is %q", a.body)
	}
	for header, want := range map[string]string{
		"Content-Type": "application/octet-stream", "Cache-Control": "no-store", "Content-Disposition": `attachment; filename="Sunset & sea.png"`,
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
	} {
		if got := a.Header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	s.get(t, path, "Range", "bytes=0-3").want(t, 206)
	s.get(t, path, "Authorization", "Bearer admin").want(t, 200)
	s.get(t, path, "Authorization", "Bearer writer").want(t, 403)
	s.get(t, path, "Authorization", "Bearer stranger").want(t, 404)
}

func TestFilenamesSurviveTheHeader(t *testing.T) {
	s := open(t)
	for name, want := range map[string]string{
		"plain.png":             `attachment; filename="plain.png"`,
		"süß \"x\"\r\nA: b.png": `attachment; filename="s__ _x_A: b.png"; filename*=UTF-8''s%C3%BC%C3%9F%20%22x%22A%3A%20b.png`,
		"100%.png":              `attachment; filename="100_.png"; filename*=UTF-8''100%25.png`,
	} {
		a := s.ask(t, "POST", "/v1/images", []byte("FAKE 4x3 "+name), "Content-Type", "image/png").want(t, 202)
		j := read[job](t, a)
		patch := fmt.Appendf(nil, `{"filename":%q}`, name)
		s.ask(t, "PATCH", "/v1/images/"+j.ImageID, patch, "Content-Type", "application/merge-patch+json").want(t, 200)
		if got := s.get(t, "/v1/images/"+j.ImageID+"/original").want(t, 200).Header.Get("Content-Disposition"); got != want {
			t.Errorf("of %q Content-Disposition is\n%s, want\n%s", name, got, want)
		}
	}
}

// torn is a blob that breaks after a few bytes.
type torn struct {
	io.ReadSeekCloser
	left int
}

func (b *torn) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, core.Unavailable.Errorf("the store is away")
	}
	n, err := b.ReadSeekCloser.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// tearing opens blobs that break after left bytes, from a store without files.
type tearing struct {
	ports.Blobs
	left int
}

func (s tearing) Open(ctx context.Context, key string) (*ports.Blob, error) {
	b, err := s.Blobs.Open(ctx, key)
	if err != nil {
		return nil, err
	}
	b.ReadSeekCloser, b.File = &torn{b.ReadSeekCloser, s.left}, nil
	return b, nil
}

func TestAnAnswerThatBreaksOffIsNoWholeAnswer(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	s.Deliver.Blobs = tearing{s.Blobs, 10}
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/images/"+j.ImageID+"/original", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization(t, "Bearer ann"))
	res, err := http.DefaultClient.Do(r)
	if err == nil {
		defer func() { _ = res.Body.Close() }()
		var body []byte
		if body, err = io.ReadAll(res.Body); err == nil {
			t.Errorf("the client read %q and saw no error", body)
		}
		if strings.Contains(string(body), "problem") {
			t.Errorf("a problem was written behind the bytes: %q", body)
		}
	}
	last := s.logs.all(t)
	if line := last[len(last)-1]; line["status"] != 499.0 || line["problem"] != "unavailable" {
		t.Errorf("the log says %v, want a broken answer and its reason", line)
	}
}

func TestBytesThatAreNotWhatIsRecordedAreNotServed(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.Deliver.Blobs = shortened{s.Blobs}
	if a := s.get(t, "/v1/images/"+j.ImageID+"/original").want(t, 500); a.slug() != "internal" {
		t.Errorf("a shortened original is %s", a.slug())
	}
}

// shortened reports a byte less than there are.
type shortened struct{ ports.Blobs }

func (s shortened) Open(ctx context.Context, key string) (*ports.Blob, error) {
	b, err := s.Blobs.Open(ctx, key)
	if err == nil {
		b.Bytes--
	}
	return b, err
}
