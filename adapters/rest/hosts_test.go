package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"imgd/adapters/rest"
	"imgd/ports/portstest"
)

// unasked has everybody be the administrator.
func unasked(s *rest.Server) { s.Tokens = nil }

// under asks by a name that leads here, without a token.
func (s *street) under(t *testing.T, host, method, path string, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.url+path, strings.NewReader(string(portstest.FakeImage(10, 10, host+path))))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodGet {
		r.Body, r.ContentLength = nil, 0
	} else {
		r.Header.Set("Content-Type", "image/png")
	}
	r.Host = host
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close() //nolint:errcheck // it is whole: see contract
	body := make([]byte, 1<<16)
	n, _ := res.Body.Read(body)
	return answer{res, body[:n]}
}

func TestAPageWhoseNameLeadsHereIsNoAdministrator(t *testing.T) {
	s := open(t, unasked, func(s *rest.Server) { s.Hosts = []string{"imgd.test", "10.1.2.3"} })
	for host, status := range map[string]int{
		"127.0.0.1": 200, "127.0.0.1:8080": 200, "127.9.9.9": 200, "[::1]:8080": 200, "[::1]": 200, "localhost": 200, "LocalHost:3000": 200, "localhost.:80": 200,
		"app.localhost": 200, "images.example.com": 200, "Images.Example.Com:443": 200, "imgd.test:9": 200, "10.1.2.3": 200,
		"evil.example": 403, "127.0.0.1.evil.example": 403, "localhost.evil.example": 403, "notlocalhost": 403, "192.168.0.1": 403, "10.1.2.4:80": 403, "[fe80::1]": 403,
		"0.0.0.0:8080": 403, "[::]": 403, "images.example.com.evil.example": 403, "x.imgd.test": 403, ":8080": 403, "[::ffff:127.0.0.1]:80": 200,
	} {
		for _, path := range []string{"/v1/images", "/v1/stats", "/v1/capabilities"} {
			a := s.under(t, host, "GET", path).want(t, status)
			if status == 403 && (a.slug() != "host-unknown" || !strings.Contains(a.detail(), "IMGD_ALLOWED_HOSTS")) {
				t.Errorf("under %s %s is %s: %s", host, path, a.slug(), a.detail())
			}
		}
	}
	s.under(t, "evil.example", "POST", "/v1/images").want(t, 403)
	s.under(t, "evil.example", "GET", "/livez").want(t, 200)
	asking := open(t)
	asking.under(t, "evil.example", "GET", "/v1/images", "Authorization", authorization(t, "Bearer ann")).want(t, 200)
}

func TestAPageOfAnotherSiteChangesNothing(t *testing.T) {
	const listed = "https://app.example.com"
	s := open(t, unasked, func(s *rest.Server) { s.Origins = []string{listed} })
	host := strings.TrimPrefix(s.url, "http://")
	for name, c := range map[string]struct {
		headers []string
		status  int
	}{
		"curl":                              {nil, 202},
		"our own page":                      {[]string{"Sec-Fetch-Site", "same-origin", "Origin", s.url}, 202},
		"an older browser's page of ours":   {[]string{"Origin", s.url}, 202},
		"typed by hand":                     {[]string{"Sec-Fetch-Site", "none"}, 202},
		"ours behind a proxy":               {[]string{"Origin", somewhere, "Sec-Fetch-Site", "same-origin"}, 202},
		"ours behind a proxy of old":        {[]string{"Origin", somewhere}, 202},
		"a page that may":                   {[]string{"Origin", listed, "Sec-Fetch-Site", "cross-site"}, 202},
		"a form of another site":            {[]string{"Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"}, 403},
		"a form that hides where it is":     {[]string{"Origin", "null", "Sec-Fetch-Site", "cross-site"}, 403},
		"without its origin":                {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"another port of this host":         {[]string{"Origin", "http://127.0.0.1:1", "Sec-Fetch-Site", "same-site"}, 403},
		"another port, in an older browser": {[]string{"Origin", "http://127.0.0.1:1"}, 403},
		"an older browser's other site":     {[]string{"Origin", "https://evil.example"}, 403},
		"an older browser's hidden one":     {[]string{"Origin", "null"}, 403},
	} {
		a := s.under(t, host, "POST", "/v1/images", append([]string{"X-Correlation-ID", "c"}, c.headers...)...)
		if a.StatusCode != c.status || c.status == 403 && (a.slug() != "cross-site" || !strings.Contains(a.detail(), "IMGD_CORS_ORIGINS") || a.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s is answered %d %s, want %d", name, a.StatusCode, a.body, c.status)
		}
	}
	id := s.upload(t, "x").ImageID
	for method, path := range map[string]string{"DELETE": "/v1/images/" + id, "PATCH": "/v1/images/" + id, "POST": "/v1/images/" + id + "/jobs"} {
		s.under(t, host, method, path, "Sec-Fetch-Site", "cross-site").want(t, 403)
	}
	s.under(t, host, "GET", "/v1/images/"+id, "Sec-Fetch-Site", "cross-site").want(t, 200) // which its page cannot read
	asking := open(t)
	asking.ask(t, "DELETE", "/v1/images/"+nobody, nil, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example").want(t, 404) // a token is not sent by itself
}
