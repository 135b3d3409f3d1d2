package rest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"imgd/adapters/rest"
)

// Whatever stands before a use case answers too, and may answer every operation that
// it stands before.
func TestEveryOperationDocumentsWhatStandsBeforeIt(t *testing.T) {
	for id, p := range contractOperations(t) {
		want := []string{"400", "500"}
		if p.op.Security == nil || len(*p.op.Security) > 0 {
			want = append(want, "401", "403", "503") // tokens, scopes, and what those are asked of
			if id != "getReadiness" {                // a probe has no rate
				want = append(want, "429")
			}
		}
		if p.op.RequestBody != nil {
			want = append(want, "408", "413", "415")
		}
		if strings.Contains(p.path, "{") {
			want = append(want, "404")
		}
		for _, status := range want {
			if p.op.Responses.Value(status) == nil {
				t.Errorf("openapi.yaml has no %s for %s", status, id)
			}
		}
	}
}

// A body of JSON that stops coming is a 408, of every operation that takes one.
func TestASlowJSONBodyIsARequestTimeout(t *testing.T) {
	s := open(t, func(s *rest.Server) { s.BodyIdle = 50 * time.Millisecond })
	j := s.upload(t, "x")
	for _, id := range []string{"lookupImages", "patchImage", "addJob", "createLinks"} {
		p := contractOperations(t)[id]
		body, end := io.Pipe()
		defer end.Close() //nolint:errcheck // nobody reads it any more
		go func() { _, _ = io.WriteString(end, "{") }()
		r, err := http.NewRequestWithContext(t.Context(), p.method, s.url+strings.ReplaceAll(p.path, "{image_id}", j.ImageID), body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", authorization(t, "Bearer ann"))
		media := p.op.RequestBody.Value.Content
		for name := range media {
			r.Header.Set("Content-Type", name)
		}
		res, err := s.client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestTimeout {
			t.Errorf("%s with a body that stops is answered %d, want 408", id, res.StatusCode)
		}
	}
}

// RFC 9110, section 14.2: ranges are of GET alone.
func TestARangeMeansNothingToHEAD(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	for _, path := range []string{"/variants/medium", "/original"} {
		want := s.ask(t, "HEAD", "/v1/images/"+j.ImageID+path, nil).want(t, 200).Header.Get("Content-Length")
		for _, span := range []string{"bytes=0-1", "bytes=99999999-", "bytes=0-0,2-3"} {
			a := s.ask(t, "HEAD", "/v1/images/"+j.ImageID+path, nil, "Range", span)
			if got := a.Header.Get("Content-Length"); a.StatusCode != 200 || got != want {
				t.Errorf("HEAD of %s with Range: %s is answered %d, %s bytes; want 200, %s bytes", path, span, a.StatusCode, got, want)
			}
		}
	}
}
