package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"imgd/adapters/rest"
	"imgd/core/access"
)

// opening gives a server public buckets, which can be changed while it runs.
func opening(t *testing.T, entries ...string) (change func(*rest.Server), reopen func(entries ...string)) {
	t.Helper()
	var now atomic.Pointer[access.PublicBuckets]
	reopen = func(entries ...string) {
		public, err := access.NewPublicBuckets(entries)
		if err != nil {
			t.Fatal(err)
		}
		now.Store(&public)
	}
	reopen(entries...)
	return func(s *rest.Server) { s.Deliver.Public = func() access.PublicBuckets { return *now.Load() } }, reopen
}

// in is an image in a bucket, rendered.
func (s *street) in(t *testing.T, bucket string) (id string, m image) {
	t.Helper()
	j := s.upload(t, "of "+bucket, part{name: "bucket", text: bucket})
	s.run(t)
	return j.ImageID, read[image](t, s.get(t, "/v1/images/"+j.ImageID).want(t, 200))
}

// address is the path of a variant's url, v included.
func (m image) address(t *testing.T, name string) string {
	t.Helper()
	for _, v := range m.Variants {
		if v.Name == name && v.URL != nil {
			return strings.TrimPrefix(*v.URL, somewhere)
		}
	}
	t.Fatalf("the image has no %s that is ready", name)
	return ""
}

func TestAnybodyReadsTheVariantsOfAPublicBucketAndNothingElse(t *testing.T) {
	public, reopen := opening(t, "acme/press/*")
	s := open(t, public)
	id, m := s.in(t, "press/2026")
	path := "/v1/images/" + id
	for query, want := range map[string]string{
		m.address(t, "medium"):                       "public, max-age=31536000, immutable",
		path + "/variants/medium":                    "public, no-cache",
		path + "/variants/medium?v=0123456789abcdef": "public, no-cache",
		path + "/variants/medium?utm_source=mail":    "public, no-cache",
		path + "/variants/medium?redirect=1":         "public, no-cache",
	} {
		a := s.bare(t, query).want(t, 200)
		if got := a.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control is %q, want %q", query, got, want)
		}
	}
	s.ask(t, "HEAD", m.address(t, "medium"), nil, "Authorization", "").want(t, 200)
	s.bare(t, path+"/variants/medium", "Range", "bytes=0-3").want(t, 206)
	s.get(t, path+"/variants/medium", "Authorization", "Bearer nobody").want(t, 401) // a bad token is told
	s.get(t, path+"/variants/medium", "Authorization", "Bearer stranger").want(t, 404)
	s.bare(t, path+"/variants/medium?nonsense=1").want(t, 400)
	none := s.bare(t, path+"/variants/none").want(t, 404)
	if strings.Contains(string(none.body), "medium") {
		t.Errorf("anybody is told which variants there are: %s", none.body)
	}
	for method, paths := range map[string][]string{
		"GET":  {path, path + "/original", path + "/metadata", path + "/events", "/v1/images", "/v1/images?bucket=press/2026", "/v1/jobs", "/v1/stats", "/v1/capabilities"},
		"POST": {path + "/links", path + "/jobs", "/v1/images/lookup", "/v1/images"}, "DELETE": {path}, "PATCH": {path},
	} {
		for _, p := range paths {
			s.ask(t, method, p, nil, "Authorization", "", "Content-Type", "application/json").want(t, 401)
		}
	}
	reopen("acme/press/*/*", "globex/press/*")
	s.bare(t, path+"/variants/medium").want(t, 401)
	reopen("acme/press/2026")
	s.bare(t, path+"/variants/medium").want(t, 200)
	s.ask(t, "PATCH", path, []byte(`{"bucket":"drafts"}`), "Content-Type", "application/merge-patch+json").want(t, 200)
	s.bare(t, path+"/variants/medium").want(t, 401)
	s.ask(t, "PATCH", path, []byte(`{"bucket":"press/2026"}`), "Content-Type", "application/merge-patch+json").want(t, 200)
	s.ask(t, "DELETE", path, nil).want(t, 204)
	s.bare(t, path+"/variants/medium").want(t, 401)
}

func TestWhatIsNotPublicIsAnsweredAsIfItWereNotThere(t *testing.T) {
	public, _ := opening(t, "acme/press")
	s, closed := open(t, public), open(t)
	id, _ := s.in(t, "default")
	deleted, _ := s.in(t, "press")
	s.ask(t, "DELETE", "/v1/images/"+deleted, nil).want(t, 204)
	j := s.upload(t, "queued", part{name: "bucket", text: "private"})
	bodies := map[string]string{}
	note := func(name string, a answer) {
		p := read[map[string]any](t, a.want(t, 401))
		delete(p, "instance")
		text, _ := json.Marshal(p)
		header := a.Header.Clone()
		header.Del("Date")
		header.Del("Content-Length") // by the instance
		bodies[string(text)+a.Header.Get("WWW-Authenticate")] = name
		if !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Errorf("%s: %v", name, header)
		}
	}
	for name, path := range map[string]string{
		"private": "/v1/images/" + id + "/variants/medium", "no variant of it": "/v1/images/" + id + "/variants/none", "not ready": "/v1/images/" + j.ImageID + "/variants/medium",
		"unknown": "/v1/images/" + nobody + "/variants/medium", "no id": "/v1/images/x/variants/medium", "no name": "/v1/images/" + id + "/variants/..x", "nonsense": "/v1/images/" + id + "/variants/medium?nonsense=1",
		"another route": "/v1/images/" + id, "deleted": "/v1/images/" + deleted + "/variants/medium", "deleted, elsewhere": "/v1/images/" + deleted + "/variants/medium?redirect=1",
	} {
		note(name, s.bare(t, path, "X-Correlation-ID", "c"))
	}
	note("nothing is public", closed.bare(t, "/v1/images/"+nobody+"/variants/medium", "X-Correlation-ID", "c"))
	if len(bodies) != 1 {
		t.Errorf("there are %d answers, want one:\n%v", len(bodies), bodies)
	}
	s.ask(t, http.MethodHead, "/v1/images/"+id+"/variants/medium", nil, "Authorization", "").want(t, 401)
}

func TestALinkOfAPublicImageIsAsStrictAsAnyOther(t *testing.T) {
	public, _ := opening(t, "acme/press")
	keys, _ := signing(t, keyOne)
	s := open(t, public, keys)
	id, _ := s.in(t, "press")
	medium := s.links(t, id, `{"variants":["medium"]}`)[0].URL
	if got := s.bare(t, medium).want(t, 200).Header.Get("Cache-Control"); !strings.HasPrefix(got, "private, max-age=") {
		t.Errorf("by a link Cache-Control is %q", got)
	}
	s.bare(t, medium+"&x=1").want(t, 403)
}
