package rest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// sharedCache is a proxy between callers and the service that keeps what RFC 9111 lets
// a cache keep that serves everybody, for as long as it lets it.
type sharedCache struct {
	next    http.RoundTripper
	now     func() time.Time
	kept    map[string]*keptAnswer // by the whole address: nothing of the service varies
	forward int                    // requests that reached the service
}

type keptAnswer struct {
	header http.Header
	body   []byte
	at     time.Time
}

// directives are those of a Cache-Control header.
func directives(h http.Header) map[string]string {
	all := map[string]string{}
	for d := range strings.SplitSeq(strings.Join(h.Values("Cache-Control"), ","), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), "=")
		all[strings.ToLower(name)] = strings.Trim(value, `"`)
	}
	return all
}

// mayKeep is section 3 of RFC 9111.
func mayKeep(r *http.Request, a *http.Response) bool {
	has := func(name string) bool { _, ok := directives(a.Header)[name]; return ok }
	switch {
	case r.Method != http.MethodGet || a.StatusCode != http.StatusOK || has("no-store") || has("private"):
		return false
	case a.Header.Get("Vary") != "":
		return false // no answer is negotiated yet
	case r.Header.Get("Authorization") != "": // section 3.5
		return has("public") || has("s-maxage") || has("must-revalidate")
	}
	return has("public") || has("max-age") || has("s-maxage") || a.Header.Get("Expires") != "" || a.Header.Get("Last-Modified") != "" // heuristically, section 4.2.2
}

// fresh is section 4.2; a heuristic lifetime is a tenth of the answer's age (4.2.2).
func (c *sharedCache) fresh(k *keptAnswer) bool {
	d := directives(k.header)
	if _, asks := d["no-cache"]; asks {
		return false
	}
	age := c.now().Sub(k.at)
	for _, name := range []string{"s-maxage", "max-age"} {
		if text, ok := d[name]; ok {
			n, err := strconv.Atoi(text)
			return err == nil && age < time.Duration(n)*time.Second
		}
	}
	modified, err := http.ParseTime(k.header.Get("Last-Modified"))
	return err == nil && age < k.at.Sub(modified)/10
}

func (c *sharedCache) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	k := c.kept[address]
	if k != nil && r.Method == http.MethodGet && c.fresh(k) {
		return k.answer(r), nil
	}
	c.forward++
	if k != nil && r.Method == http.MethodGet {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", k.header.Get("ETag"))
	}
	a, err := c.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if k != nil && a.StatusCode == http.StatusNotModified {
		_ = a.Body.Close()
		k.at = c.now()
		return k.answer(r), nil
	}
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return nil, err
	}
	_ = a.Body.Close()
	a.Body = io.NopCloser(bytes.NewReader(body))
	if mayKeep(r, a) {
		c.kept[address] = &keptAnswer{a.Header.Clone(), body, c.now()}
	}
	return a, nil
}

func (k *keptAnswer) answer(r *http.Request) *http.Response {
	h := k.header.Clone()
	h.Set("Age", "1")
	return &http.Response{Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Body: io.NopCloser(bytes.NewReader(k.body)), ContentLength: int64(len(k.body)), Request: r}
}

// behindCache puts a shared cache in front of the service, for all who ask it.
func (s *street) behindCache(t *testing.T, next http.RoundTripper) *sharedCache {
	t.Helper()
	c := &sharedCache{next: next, now: time.Now, kept: map[string]*keptAnswer{}}
	origin, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Transport: c, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(origin) }}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	s.url = front.URL
	return c
}

func TestASharedCacheGivesNobodyWhatIsAnothers(t *testing.T) {
	keys, _ := signing(t, keyOne)
	public, _ := opening(t, "acme/press")
	s := open(t, keys, public)
	private, mine := s.in(t, "default")
	c := s.behindCache(t, http.DefaultTransport)
	link := s.links(t, private, `{"variants":["medium"]}`)[0].URL
	v := mine.address(t, "medium")
	for _, path := range []string{v, "/v1/images/" + private + "/variants/medium", "/v1/images/" + private, "/v1/images/" + private + "/original", "/v1/images", "/v1/images/" + private + "/events"} {
		s.get(t, path).want(t, 200) // tenant A
		if a := s.get(t, path, "Authorization", "Bearer stranger"); path != "/v1/images" && a.StatusCode != 404 {
			t.Errorf("after tenant A, tenant B gets %d of %s:\n%s", a.StatusCode, path, a.body)
		} else if strings.Contains(string(a.body), private) && a.StatusCode == 200 {
			t.Errorf("tenant B reads of tenant A's image in %s: %s", path, a.body)
		}
		s.bare(t, path).want(t, 401)
	}
	s.bare(t, link).want(t, 200)
	s.bare(t, v).want(t, 401)
	s.get(t, v, "Authorization", "Bearer stranger").want(t, 404)
	at := time.Now().Add(2 * time.Hour)
	s.Deliver.Now = func() time.Time { return at }
	s.bare(t, link).want(t, 410) // and no cache has kept it
	s.Deliver.Now = time.Now
	if len(c.kept) != 0 {
		t.Errorf("a shared cache has kept %d private answers: %v", len(c.kept), c.kept)
	}
}

func TestASharedCacheKeepsWhatIsPublic(t *testing.T) {
	public, _ := opening(t, "acme/press")
	s := open(t, public)
	id, m := s.in(t, "press")
	c := s.behindCache(t, http.DefaultTransport)
	v, plain := m.address(t, "medium"), "/v1/images/"+id+"/variants/medium"
	s.get(t, v).want(t, 200) // with a token
	before := c.forward
	for range 3 {
		s.bare(t, v).want(t, 200)
	}
	c.now = func() time.Time { return time.Now().Add(300 * 24 * time.Hour) }
	s.bare(t, v).want(t, 200)
	if c.forward != before {
		t.Errorf("a public address with its content's name was asked for %d times more than once", c.forward-before)
	}
	c.now = time.Now
	s.bare(t, plain).want(t, 200)
	before = c.forward
	s.bare(t, plain).want(t, 200)
	if c.forward != before+1 {
		t.Errorf("without its content's name it was asked for %d times, want each time", c.forward-before)
	}
	s.ask(t, "PATCH", "/v1/images/"+id, []byte(`{"bucket":"drafts"}`), "Content-Type", "application/merge-patch+json").want(t, 200)
	s.bare(t, plain).want(t, 401)
}

// The control: the cache would give away what a careless service calls public.
func TestTheSharedCacheCatchesACarelessService(t *testing.T) {
	s := open(t)
	_, m := s.in(t, "default")
	c := s.behindCache(t, careless{})
	v := m.address(t, "medium")
	want := s.get(t, v).want(t, 200)
	got := s.get(t, v, "Authorization", "Bearer stranger")
	if got.StatusCode != 200 || !bytes.Equal(got.body, want.body) || len(c.kept) != 1 {
		t.Errorf("behind a careless service tenant B gets %d, and %d answers are kept; the test proves nothing", got.StatusCode, len(c.kept))
	}
}

// careless is a service that calls everything public.
type careless struct{}

func (careless) RoundTrip(r *http.Request) (*http.Response, error) {
	a, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		a.Header.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", 31536000))
	}
	return a, err
}
