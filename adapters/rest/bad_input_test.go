package rest_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"imgd/ports/portstest"
)

const nobody = "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e" // an id that names nothing

func TestEveryBadInputHasItsOwnProblemAndSentence(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x", part{name: "external_id", text: "taken"})
	file := part{"file", "a.png", string(portstest.FakeImage(40, 30, "y"))}
	form := func(parts ...part) func() ([]byte, string) {
		return func() ([]byte, string) { return formOf(t, parts...) }
	}
	raw := func(media, body string) func() ([]byte, string) {
		return func() ([]byte, string) { return []byte(body), media }
	}
	open, media := formOf(t, file)
	boundary := strings.TrimPrefix(media, "multipart/form-data; boundary=")
	head := "--" + boundary + "\r\n"
	for _, c := range []struct {
		name   string
		method string
		path   string
		body   func() ([]byte, string)
		status int
		slug   string
		says   string // a part of the sentence
	}{
		{"no file", "POST", "/v1/images", form(part{name: "bucket", text: "b"}), 400, "file-missing", "no part named file"},
		{"an empty file", "POST", "/v1/images", form(part{"file", "a.png", ""}), 400, "file-missing", "the file is empty"},
		{"an empty raw body", "POST", "/v1/images", raw("image/png", ""), 400, "file-missing", "the file is empty"},
		{"two files", "POST", "/v1/images", form(file, file), 400, "file-repeated", "second file"},
		{"an unknown field", "POST", "/v1/images", form(part{name: "buckt", text: "b"}, file), 400, "field-unknown", `"buckt"; there are file, bucket`},
		{"a field twice", "POST", "/v1/images", form(part{name: "bucket", text: "b"}, part{name: "bucket", text: "b"}, file), 400, "field-repeated", "bucket came twice"},
		{"a field that is too long", "POST", "/v1/images", form(part{name: "bucket", text: strings.Repeat("b", 65<<10)}, file), 400, "invalid-multipart", "bucket has more than 65536 bytes"},
		{"metadata that is too long", "POST", "/v1/images", form(part{name: "metadata", text: `{"a":"` + strings.Repeat("b", 65<<10) + `"}`}, file), 400, "invalid-metadata", "more than 65536 bytes"},
		{"a field that is no text", "POST", "/v1/images", form(part{name: "bucket", text: "\xff"}, file), 400, "invalid-multipart", "not UTF-8"},
		{"a part without a name", "POST", "/v1/images", raw(media, head+"Content-Type: text/plain\r\n\r\nx\r\n--"+boundary+"--\r\n"), 400, "invalid-multipart", "has no name"},
		{"a part header that is too long", "POST", "/v1/images", raw(media, head+"X-A: "+strings.Repeat("a", 9<<10)+"\r\n\r\nx\r\n--"+boundary+"--\r\n"), 400, "invalid-multipart", "more than 8192 bytes"},
		{"a part header without an end", "POST", "/v1/images", raw(media, head+"X-A: "+strings.Repeat("a", 200<<10)), 400, "invalid-multipart", "more than 8192 bytes"},
		{"no boundary", "POST", "/v1/images", raw("multipart/form-data", string(open)), 400, "invalid-multipart", "no boundary"},
		{"a boundary that is too long", "POST", "/v1/images", raw("multipart/form-data; boundary="+strings.Repeat("b", 71), ""), 400, "invalid-multipart", "more than 70"},
		{"another boundary", "POST", "/v1/images", raw("multipart/form-data; boundary=other", string(open)), 400, "invalid-multipart", "closing boundary"},
		{"no closing boundary", "POST", "/v1/images", raw(media, string(open[:len(open)-20])), 400, "invalid-multipart", "before its closing boundary"},
		{"a form that is none", "POST", "/v1/images", raw("multipart/form-data; boundary=x", "hello"), 400, "invalid-multipart", "closing boundary"},
		{"fields in the query of a form", "POST", "/v1/images?bucket=b", form(file), 400, "invalid-parameter", "parts of the form"},
		{"no content type", "POST", "/v1/images", raw("", "x"), 415, "unsupported-media-type", "must be image/* or multipart/form-data"},
		{"a content type of something else", "POST", "/v1/images", raw("text/plain", "x"), 415, "unsupported-media-type", "must be image/*"},
		{"an url-encoded form", "POST", "/v1/images", raw("application/x-www-form-urlencoded", "a=b"), 415, "unsupported-media-type", "must be image/*"},
		{"bytes that are no image", "POST", "/v1/images", raw("image/png", "hello"), 415, "unsupported-media-type", "not an image"},
		{"too many bytes", "POST", "/v1/images", raw("image/png", string(portstest.FakeImage(1, 1, strings.Repeat("x", 1<<20)))), 413, "upload-too-large", "1048576"},
		{"metadata that is no JSON", "POST", "/v1/images", form(part{name: "metadata", text: "{"}, file), 400, "invalid-metadata", "not valid JSON"},
		{"metadata that is a list", "POST", "/v1/images", form(part{name: "metadata", text: "[]"}, file), 400, "invalid-metadata", "not a JSON object"},
		{"metadata with a member twice", "POST", "/v1/images", form(part{name: "metadata", text: `{"a":1,"a":2}`}, file), 400, "invalid-metadata", "twice"},
		{"a preset there is not", "POST", "/v1/images", form(part{name: "preset", text: "nope"}, file), 400, "unknown-preset", "default"},
		{"preset and variants", "POST", "/v1/images", form(part{name: "preset", text: "default"}, part{name: "variants", text: `{"a":"w=1"}`}, file), 400, "invalid-variants", "both"},
		{"a transform with a typing mistake", "POST", "/v1/images", form(part{name: "variants", text: `{"a":"widht=1"}`}, file), 400, "invalid-transform", "widht"},
		{"a bucket that is a path", "POST", "/v1/images", form(part{name: "bucket", text: "../etc"}, file), 400, "invalid-parameter", "bucket"},
		{"a bucket that is a path, in the query", "POST", "/v1/images?bucket=..%2Fetc", raw("image/png", "x"), 400, "invalid-parameter", "bucket: must match"},
		{"an external id that is taken", "POST", "/v1/images", form(part{name: "external_id", text: "taken"}, file), 409, "external-id-taken", ""},
		{"a query parameter there is not", "GET", "/v1/images?buckte=b", nil, 400, "invalid-parameter", "buckte: is not a parameter"},
		{"utm parameters where they do not belong", "GET", "/v1/images?utm_source=b", nil, 400, "invalid-parameter", "utm_source"},
		{"a query parameter twice", "GET", "/v1/images?limit=1&limit=2", nil, 400, "invalid-parameter", "limit: came more than once"},
		{"a query that is none", "GET", "/v1/images?a=%zz", nil, 400, "invalid-parameter", "percent-encode"},
		{"a limit that is too large", "GET", "/v1/images?limit=1000", nil, 400, "invalid-parameter", "limit: number must be at most 200"},
		{"a limit that is no number", "GET", "/v1/images?limit=ten", nil, 400, "invalid-parameter", "limit: must be a whole number"},
		{"a state there is not", "GET", "/v1/images?state=done", nil, 400, "invalid-parameter", "must be one of processing, ready"},
		{"a filter that is no bucket", "GET", "/v1/images?bucket=a..b", nil, 400, "invalid-parameter", "cannot name a bucket"},
		{"a parameter that is empty", "GET", "/v1/images?bucket=", nil, 400, "invalid-parameter", "bucket: "},
		{"a time that is none", "GET", "/v1/images?created_after=yesterday", nil, 400, "invalid-parameter", "created_after: is not a time"},
		{"a cursor that is none", "GET", "/v1/images?cursor=abc", nil, 400, "invalid-cursor", "next_cursor"},
		{"an image id in a query that is none", "GET", "/v1/jobs?image_id=7", nil, 400, "invalid-parameter", "image_id: is not an id"},
		{"a wait that is too long", "GET", "/v1/jobs/" + j.ID + "?wait=31", nil, 400, "invalid-parameter", "wait: number must be at most 30"},
		{"an id in a path that is none", "GET", "/v1/images/7", nil, 404, "not-found", ""},
		{"an id that names nothing", "GET", "/v1/images/" + nobody, nil, 404, "not-found", ""},
		{"a job id that is none", "POST", "/v1/jobs/x/retry", nil, 404, "not-found", ""},
		{"a variant there is not", "GET", "/v1/images/" + j.ImageID + "/variants/huge", nil, 404, "variant-unknown", ""},
		{"a variant name that is none", "GET", "/v1/images/" + j.ImageID + "/variants/A", nil, 404, "not-found", ""},
		{"a problem there is not", "GET", "/problems/nope", nil, 404, "not-found", "no problem"},
		{"a path there is not", "GET", "/v2/images", nil, 404, "not-found", "nothing is under"},
		{"a path with an ending", "GET", "/v1/images/" + nobody + "/x.css", nil, 404, "not-found", "nothing is under"},
		{"a path that is not clean", "GET", "/v1//images", nil, 404, "not-found", "nothing is under"},
		{"a path that climbs", "GET", "/v1/jobs/../images", nil, 404, "not-found", "nothing is under"},
		{"a method that is not answered", "PUT", "/v1/images", nil, 405, "method-not-allowed", "PUT is not answered here"},
		{"a lookup without a body", "POST", "/v1/images/lookup", raw("application/json", ""), 400, "invalid-body", "the body is missing"},
		{"a body that is no JSON", "POST", "/v1/images/lookup", raw("application/json", `{"ids":[`), 400, "invalid-body", "not valid JSON; the mistake is near byte 8"},
		{"a body with something behind it", "POST", "/v1/images/lookup", raw("application/json", `{"ids":[]}{}`), 400, "invalid-body", "something follows"},
		{"a member twice", "POST", "/v1/images/lookup", raw("application/json", `{"ids":[],"ids":[]}`), 400, "invalid-body", "ids: came more than once"},
		{"a member there is not", "POST", "/v1/images/lookup", raw("application/json", `{"ids":["`+nobody+`"],"x":1}`), 400, "invalid-body", `property "x" is unsupported`},
		{"a member in capitals", "POST", "/v1/images/lookup", raw("application/json", `{"ids":["`+nobody+`"],"IDS":[]}`), 400, "invalid-body", `property "IDS" is unsupported`},
		{"no ids", "POST", "/v1/images/lookup", raw("application/json", `{"ids":[]}`), 400, "invalid-body", "ids: minimum number of items"},
		{"an id in a body that is none", "POST", "/v1/images/lookup", raw("application/json", `{"ids":["`+nobody+`","7"]}`), 400, "invalid-body", "ids/1: is not an id"},
		{"a body that is too long", "POST", "/v1/images/lookup", raw("application/json", `{"ids":["`+strings.Repeat("x", 1<<20)+`"]}`), 413, "too-large", "1048576"},
		{"a body that is too deep", "POST", "/v1/images/lookup", raw("application/json", strings.Repeat("[", 100)), 400, "invalid-body", "64 levels"},
		{"a body of another type", "POST", "/v1/images/lookup", raw("text/xml", `<a/>`), 415, "unsupported-media-type", "must be application/json"},
		{"an empty patch", "PATCH", "/v1/images/" + j.ImageID, raw("application/merge-patch+json", `{}`), 400, "invalid-body", "at least 1"},
		{"a patch of what cannot be changed", "PATCH", "/v1/images/" + j.ImageID, raw("application/merge-patch+json", `{"owner":"me"}`), 400, "invalid-body", `"owner" is unsupported`},
		{"a patch of a bucket to nothing", "PATCH", "/v1/images/" + j.ImageID, raw("application/merge-patch+json", `{"bucket":null}`), 400, "invalid-body", "bucket: "},
		{"a patch with a control character", "PATCH", "/v1/images/" + j.ImageID, raw("application/merge-patch+json", `{"external_id":"a\nb"}`), 400, "invalid-body", "external_id: "},
		{"a patch of nothing", "PATCH", "/v1/images/" + nobody, raw("application/merge-patch+json", `{"bucket":"b"}`), 404, "not-found", ""},
		{"a job with a transform that is none", "POST", "/v1/images/" + j.ImageID + "/jobs", raw("application/json", `{"variants":{"a":"w=-1"}}`), 400, "invalid-transform", "variant a"},
		{"a job with a variant name that is none", "POST", "/v1/images/" + j.ImageID + "/jobs", raw("application/json", `{"variants":{"A b":"w=1"}}`), 400, "invalid-variants", "A b"},
		{"a job that cannot be rendered here", "POST", "/v1/images/" + j.ImageID + "/jobs", raw("application/json", `{"variants":{"a":"fmt=jxl"}}`), 415, "transform-unsupported", "jxl"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var body []byte
			headers := []string{"Content-Type", ""}
			if c.body != nil {
				body, headers[1] = c.body()
			}
			a := s.ask(t, c.method, c.path, body, headers...)
			if a.StatusCode != c.status || a.slug() != c.slug || !strings.Contains(a.detail(), c.says) {
				t.Errorf("%s %s = %d %s: %q, want %d %s: ...%s...", c.method, c.path, a.StatusCode, a.slug(), a.detail(), c.status, c.slug, c.says)
			}
			if a.detail() == "" {
				t.Error("the problem has no sentence")
			}
		})
	}
	if n := len(s.Keys(t)); n != 1 {
		t.Errorf("the store holds %d objects, want only the image that was accepted", n)
	}
}

func TestBadHeadersAreProblems(t *testing.T) {
	s := open(t)
	image := portstest.FakeImage(4, 3, "")
	for name, c := range map[string]struct {
		header, value string
		status        int
		slug          string
	}{
		"a compressed body":                   {"Content-Encoding", "gzip", 415, "unsupported-media-type"},
		"an idempotency key that is too long": {"Idempotency-Key", strings.Repeat("k", 256), 400, "invalid-parameter"},
		"an idempotency key with a space":     {"Idempotency-Key", "a b", 400, "invalid-parameter"},
		"no token":                            {"Authorization", "", 401, "unauthenticated"},
		"a token of nobody":                   {"Authorization", "Bearer nobody", 401, "unauthenticated"},
		"a token without the scope":           {"Authorization", "Bearer reader", 403, "insufficient-scope"},
	} {
		t.Run(name, func(t *testing.T) {
			a := s.ask(t, "POST", "/v1/images", image, "Content-Type", "image/png", c.header, c.value)
			if a.StatusCode != c.status || a.slug() != c.slug {
				t.Errorf("got %d %s, want %d %s\n%s", a.StatusCode, a.slug(), c.status, c.slug, a.body)
			}
		})
	}
	if a := s.ask(t, "POST", "/v1/images", image, "Content-Type", "image/png", "Authorization", ""); a.Header.Get("WWW-Authenticate") != `Bearer realm="imgd"` {
		t.Errorf("without a token WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
	}
	if a := s.ask(t, "POST", "/v1/images", image, "Content-Type", "image/png", "Authorization", "Bearer x"); a.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("with a bad token WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
	}
	if a := s.ask(t, "POST", "/v1/images", image, "Content-Type", "image/png", "Authorization", "Bearer reader"); a.Header.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="images:write"` {
		t.Errorf("without the scope WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
	}
}

func TestAProblemPointsAtEachPlace(t *testing.T) {
	s := open(t)
	type problem struct {
		Type, Title, Detail, Instance string
		Status                        int
		CorrelationID                 string `json:"correlation_id"`
		Errors                        []struct{ Pointer, Parameter, Detail string }
		Allowed                       []string
	}
	a := s.get(t, "/v1/images?limit=0&state=no&created_after=x", "X-Correlation-ID", "c-77").want(t, 400)
	p := read[problem](t, a)
	if p.Type != "https://images.example.com/problems/invalid-parameter" || p.Title == "" || p.Status != 400 || p.Instance != "/v1/images" || p.CorrelationID != "c-77" {
		t.Errorf("the problem is %+v", p)
	}
	var names []string
	for _, e := range p.Errors {
		names = append(names, e.Parameter)
	}
	if got := fmt.Sprint(names); len(names) != 3 || !strings.Contains(got, "limit") || !strings.Contains(got, "state") || !strings.Contains(got, "created_after") {
		t.Errorf("errors name %v, want limit, state and created_after", names)
	}
	a = s.ask(t, "POST", "/v1/images/lookup", []byte(`{"ids":["a","`+nobody+`","b"]}`), "Content-Type", "application/json").want(t, 400)
	if p = read[problem](t, a); len(p.Errors) != 2 || p.Errors[0].Pointer != "#/ids/0" || p.Errors[1].Pointer != "#/ids/2" {
		t.Errorf("errors are %+v, want #/ids/0 and #/ids/2", p.Errors)
	}
	a = s.ask(t, "PUT", "/v1/images", nil).want(t, 405)
	if got := a.Header.Get("Allow"); !strings.Contains(got, "GET") || !strings.Contains(got, "POST") {
		t.Errorf("Allow is %q, want GET and POST in it", got)
	}
}

func TestWhatIsTooLargeIsRefusedBeforeItIsSentAndClosesTheConnection(t *testing.T) {
	s := open(t)
	sent := &counted{r: bytes.NewReader(portstest.FakeImage(1, 1, strings.Repeat("x", 8<<20)))}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/images", sent)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 8 << 20
	r.Header.Set("Authorization", authorization(t, "Bearer ann"))
	r.Header.Set("Content-Type", "image/png")
	r.Header.Set("Expect", "100-continue")
	patient := &http.Transport{ExpectContinueTimeout: 10 * time.Second}
	defer patient.CloseIdleConnections()
	res, err := (&http.Client{Transport: held{t, patient}}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 413 || !res.Close || sent.n != 0 {
		t.Errorf("got %d, connection closed %v, after %d bytes; want 413 and closed after none", res.StatusCode, res.Close, sent.n)
	}
}

func TestAnEndlessBodyIsCutOff(t *testing.T) {
	s := open(t)
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.url+"/v1/images", &counted{r: endless{}}) // chunked
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization(t, "Bearer ann"))
	r.Header.Set("Content-Type", "image/png")
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != 413 {
		t.Errorf("got %d, want 413", res.StatusCode)
	}
	if keys := s.Keys(t); len(keys) != 0 {
		t.Errorf("the store holds %v, want nothing", keys)
	}
}

type counted struct {
	r interface{ Read([]byte) (int, error) }
	n int
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
