package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/memory"
	"imgd/adapters/records"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/core/access"
	"imgd/e2e/house"
	"imgd/ports"
)

const somewhere = "https://images.example.com"

// signing gives a server keys of links, which can be changed while it runs.
func signing(t *testing.T, text string) (change func(*rest.Server), rotate func(text string)) {
	t.Helper()
	var now atomic.Pointer[access.LinkKeys]
	rotate = func(text string) {
		keys, err := access.NewLinkKeys(text)
		if err != nil {
			t.Fatal(err)
		}
		now.Store(&keys)
	}
	rotate(text)
	return func(s *rest.Server) { s.Deliver.Keys = func() access.LinkKeys { return *now.Load() } }, rotate
}

var (
	keyOne = "k1:" + strings.Repeat("1", 32)
	keyTwo = "k2:" + strings.Repeat("2", 32)
)

type link struct {
	Variant   string
	URL       string
	ExpiresAt time.Time `json:"expires_at"`
}

// links makes links as ann; what it returns begins with the path.
func (s *street) links(t *testing.T, id, body string) (list []link) {
	t.Helper()
	a := s.ask(t, "POST", "/v1/images/"+id+"/links", []byte(body), "Content-Type", "application/json").want(t, 200)
	list = read[struct{ Items []link }](t, a).Items
	for i := range list {
		path, ok := strings.CutPrefix(list[i].URL, somewhere)
		if !ok {
			t.Errorf("the link %s is not absolute", list[i].URL)
		}
		list[i].URL = path
	}
	return list
}

// bare asks without a token.
func (s *street) bare(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return s.get(t, path, append([]string{"Authorization", ""}, headers...)...)
}

func TestALinkOpensOneVariantWithoutAToken(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j, other := s.upload(t, "x"), s.upload(t, "y")
	s.run(t)
	s.run(t)
	list := s.links(t, j.ImageID, `{"variants":["medium","large"],"expires_in":600}`)
	if len(list) != 2 || list[0].Variant != "medium" || list[1].Variant != "large" {
		t.Fatalf("the links are %+v, want those that were asked for, in their order", list)
	}
	if left := time.Until(list[0].ExpiresAt); left < 590*time.Second || left > 601*time.Second {
		t.Errorf("a link for 600 s expires in %s", left)
	}
	medium := list[0].URL
	plain := s.get(t, "/v1/images/"+j.ImageID+"/variants/medium").want(t, 200)
	a := s.bare(t, medium).want(t, 200)
	if string(a.body) != string(plain.body) || a.Header.Get("ETag") != plain.Header.Get("ETag") {
		t.Errorf("the link gives %q, the token %q", a.body, plain.body)
	}
	if age, ok := strings.CutPrefix(a.Header.Get("Cache-Control"), "private, max-age="); !ok {
		t.Errorf("Cache-Control is %q", a.Header.Get("Cache-Control"))
	} else if n, err := strconv.Atoi(age); err != nil || n < 590 || n > 600 {
		t.Errorf("max-age is %s, want what is left of 600 s", age)
	}
	s.bare(t, medium, "Range", "bytes=0-3").want(t, 206)
	s.bare(t, medium, "If-None-Match", a.Header.Get("ETag")).want(t, 304)
	s.ask(t, "HEAD", medium, nil, "Authorization", "").want(t, 200)
	s.get(t, medium, "Authorization", "Bearer nobody").want(t, 200)   // the link decides
	s.get(t, medium, "Authorization", "Bearer stranger").want(t, 200) // whoever has it
	query := medium[strings.IndexByte(medium, '?'):]
	for path, status := range map[string]int{
		"/v1/images/" + j.ImageID + "/variants/large" + query:      403,
		"/v1/images/" + j.ImageID + "/variants/none" + query:       403,
		"/v1/images/" + other.ImageID + "/variants/medium" + query: 403,
		"/v1/images/" + nobody + "/variants/medium" + query:        403,
		"/v1/images/" + j.ImageID + "/original" + query:            401,
		"/v1/images/" + j.ImageID + query:                          401,
		"/v1/images/" + j.ImageID + "/metadata" + query:            401,
		"/v1/images/" + j.ImageID + "/events" + query:              401,
		"/v1/images" + query:                                       401,
		"/v1/jobs/" + j.ID + query:                                 401,
	} {
		a := s.bare(t, path).want(t, status)
		if status == 403 && (a.slug() != "signature-invalid" || a.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s is %s with WWW-Authenticate %q", path, a.slug(), a.Header.Get("WWW-Authenticate"))
		}
	}
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/links"+query, []byte(`{"variants":["medium"]}`), "Authorization", "", "Content-Type", "application/json").want(t, 401)
	for _, line := range s.logs.all(t) {
		if text, _ := json.Marshal(line); strings.Contains(string(text), "sig=") {
			t.Errorf("a signature is in the log: %s", text)
		}
	}
}

func TestTheAnswerToABadLinkTellsNothing(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	s.run(t)
	query := fmt.Sprintf("?exp=%d&kid=k1&sig=%s", time.Now().Add(time.Hour).Unix(), strings.Repeat("A", 64))
	expired := fmt.Sprintf("?exp=%d&kid=k1&sig=%s", time.Now().Add(-time.Hour).Unix(), strings.Repeat("A", 64))
	bodies := map[string]bool{}
	for _, path := range []string{
		"/v1/images/" + j.ImageID + "/variants/medium" + query, "/v1/images/" + j.ImageID + "/variants/none" + query, "/v1/images/" + nobody + "/variants/medium" + query,
		"/v1/images/" + j.ImageID + "/variants/medium" + expired, "/v1/images/" + nobody + "/variants/medium" + strings.Replace(query, "k1", "k9", 1),
	} {
		a := s.bare(t, path, "X-Correlation-ID", "c").want(t, 403)
		p := read[map[string]any](t, a)
		delete(p, "instance")
		text, _ := json.Marshal(p)
		bodies[string(text)] = true
	}
	if len(bodies) != 1 {
		t.Errorf("links that are none are answered in %d ways, want one:\n%v", len(bodies), bodies)
	}
}

func TestALinkEnds(t *testing.T) {
	keys, rotate := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	s.run(t)
	medium := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0]
	t.Run("when its time is over", func(t *testing.T) {
		at := medium.ExpiresAt
		s.Deliver.Now = func() time.Time { return at.Add(-time.Second) }
		if got := s.bare(t, medium.URL).want(t, 200).Header.Get("Cache-Control"); got != "private, max-age=1" {
			t.Errorf("a second before the end Cache-Control is %q", got)
		}
		s.Deliver.Now = func() time.Time { return at }
		if a := s.bare(t, medium.URL).want(t, 410); a.slug() != "url-expired" {
			t.Errorf("an expired link is %s", a.slug())
		}
		s.get(t, medium.URL).want(t, 410) // a token does not help it
		s.Deliver.Now = time.Now
		s.bare(t, medium.URL).want(t, 200)
	})
	t.Run("when its key is gone", func(t *testing.T) {
		rotate(keyTwo + "," + keyOne)
		s.bare(t, medium.URL).want(t, 200)
		second := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0]
		if !strings.Contains(second.URL, "&kid=k2&") {
			t.Errorf("the new link is %s, want one of the first key", second.URL)
		}
		rotate(keyTwo)
		if a := s.bare(t, medium.URL).want(t, 403); a.slug() != "signature-invalid" {
			t.Errorf("a revoked link is %s", a.slug())
		}
		s.bare(t, second.URL).want(t, 200)
		rotate("")
		s.bare(t, second.URL).want(t, 403)
		rotate(keyOne)
	})
	t.Run("when its image is deleted", func(t *testing.T) {
		s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil).want(t, 204)
		if a := s.bare(t, medium.URL).want(t, 404); a.slug() != "not-found" {
			t.Errorf("a link to a deleted image is %s", a.slug())
		}
	})
}

func TestALinkFollowsItsVariantAndCachesDoNotKeepTheOldOne(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	early := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	if a := s.bare(t, early).want(t, 404); a.slug() != "variant-not-ready" || a.Header.Get("Retry-After") == "" {
		t.Errorf("before its variant is ready a link is %s", a.slug())
	}
	s.run(t)
	if got := s.bare(t, early).want(t, 200).Header.Get("Cache-Control"); got != "private, no-cache" {
		t.Errorf("a link that names no content is %q", got)
	}
	late := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	old := s.bare(t, late).want(t, 200)
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"variants":{"medium":"w=77"}}`), "Content-Type", "application/json").want(t, 202)
	s.run(t)
	fresh := s.bare(t, late).want(t, 200)
	if string(fresh.body) == string(old.body) || fresh.Header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("after a new rendition the link gives %q (%s), want the new bytes and no caching of them under the old content's name", fresh.body, fresh.Header.Get("Cache-Control"))
	}
}

func TestWhoAsksForLinks(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	path := "/v1/images/" + j.ImageID + "/links"
	ask := func(token, body string) answer {
		return s.ask(t, "POST", path, []byte(body), "Content-Type", "application/json", "Authorization", token)
	}
	fine := `{"variants":["medium"]}`
	ask("Bearer reader", fine).want(t, 200)
	ask("Bearer scopeless", fine).want(t, 403)
	ask("Bearer stranger", fine).want(t, 404)
	ask("", fine).want(t, 401)
	if a := ask("Bearer ann", `{"variants":["nope"]}`).want(t, 404); a.slug() != "variant-unknown" {
		t.Errorf("a link to no variant is %s", a.slug())
	}
	for _, wrong := range []string{
		``, `{}`, `{"variants":[]}`, `{"variants":["medium","medium"]}`, `{"variants":["../x"]}`, `{"variants":["medium"],"expires_in":0}`,
		`{"variants":["medium"],"expires_in":604801}`, `{"variants":["medium"],"expires_in":1.5}`, `{"variants":["medium"],"exp":1}`, `{"variants":"medium"}`,
	} {
		ask("Bearer ann", wrong).want(t, 400)
	}
	if got := time.Until(s.links(t, j.ImageID, fine)[0].ExpiresAt).Round(time.Minute); got != time.Hour {
		t.Errorf("by default a link lives %s", got)
	}
	week := s.links(t, j.ImageID, `{"variants":["medium"],"expires_in":604800}`)[0]
	if got := time.Until(week.ExpiresAt).Round(time.Minute); got != access.MaxLinkLife {
		t.Errorf("the longest life is %s", got)
	}
}

func TestWithoutAKeyThereAreNoLinks(t *testing.T) {
	for name, change := range map[string]func(*rest.Server){"with tokens": func(*rest.Server) {}, "without authentication": func(s *rest.Server) { s.Tokens = nil }} {
		t.Run(name, func(t *testing.T) {
			s := open(t, change)
			a := s.ask(t, "POST", "/v1/images", []byte("FAKE 4x3 x"), "Content-Type", "image/png").want(t, 202)
			path := "/v1/images/" + read[job](t, a).ImageID
			a = s.ask(t, "POST", path+"/links", []byte(`{"variants":["medium"]}`), "Content-Type", "application/json").want(t, 409)
			if a.slug() != "links-off" || !strings.Contains(a.detail(), "IMGD_LINK_KEYS") {
				t.Errorf("without a key the answer is %s", a.body)
			}
			s.bare(t, path+"/variants/medium?exp=1&kid=k1&sig="+strings.Repeat("A", 64)).want(t, 403)
		})
	}
}

func TestWhereTheStoreServesNothingARedirectIsTheBytes(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	s.run(t)
	path := "/v1/images/" + j.ImageID + "/variants/medium"
	want := s.get(t, path).want(t, 200).body
	leading := s.links(t, j.ImageID, `{"variants":["medium"],"redirect":true}`)[0].URL
	if !strings.Contains(leading, "&redirect=1&sig=") {
		t.Errorf("the link is %s", leading)
	}
	for _, a := range []answer{s.get(t, path+"?redirect=1"), s.bare(t, leading), s.ask(t, "HEAD", leading, nil, "Authorization", "")} {
		a.want(t, 200)
		if a.Request.Method == http.MethodGet && string(a.body) != string(want) {
			t.Errorf("%s gives %q", a.Request.URL, a.body)
		}
	}
	s.get(t, path+"?redirect=2").want(t, 400)
	s.bare(t, strings.Replace(leading, "&redirect=1", "", 1)).want(t, 403)
	plain := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	s.bare(t, strings.Replace(plain, "&sig=", "&redirect=1&sig=", 1)).want(t, 403)
	s.bare(t, plain+"&redirect=1").want(t, 403)
	s.bare(t, plain+"&utm_source=mail").want(t, 403)
}

func TestALinkIsReadAsItIsWritten(t *testing.T) {
	keys, _ := signing(t, keyOne)
	s := open(t, keys)
	j := s.upload(t, "x")
	for _, body := range []string{`{"variants":["medium"]}`, `{"variants":["medium"],"redirect":true}`} {
		written := s.links(t, j.ImageID, body)[0].URL
		u, err := url.ParseRequestURI(written)
		if err != nil {
			t.Fatal(err)
		}
		l, err := rest.ReadTarget(u)
		if err != nil || rest.Target(l) != written || l.Image != core.ID(j.ImageID) || l.Variant != "medium" || l.KeyID != "k1" {
			t.Errorf("%s is read as %+v, %v", written, l, err)
		}
	}
}

// counting counts how often somebody is counted.
type counting struct {
	ports.Limits
	taken atomic.Int64
}

func (c *counting) Take(ctx context.Context, key string, r core.Rate, n int) (core.Allowance, error) {
	c.taken.Add(1)
	return c.Limits.Take(ctx, key, r, n)
}

func TestForgedLinksCostNoLookIntoTheRecords(t *testing.T) {
	keys, rotate := signing(t, keyTwo)
	rates := &counting{Limits: memory.NewLimits(100)}
	s := open(t, keys, limited(rates, rest.Rates{Requests: core.Rate{Limit: 1000, Per: time.Hour}}))
	j := s.upload(t, "x")
	s.run(t)
	revoked := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	rotate(keyOne)
	target := s.links(t, j.ImageID, `{"variants":["medium"]}`)[0].URL
	var asked atomic.Int64
	s.DB.Engine = records.Counted(s.DB.Engine, &asked)
	rates.taken.Store(0)
	for i := range 64 { // each character of the signature
		at := strings.Index(target, "&sig=") + len("&sig=") + i
		other := "A"
		if target[at:at+1] == other {
			other = "B"
		}
		s.bare(t, target[:at]+other+target[at+1:]).want(t, 403)
		s.bare(t, strings.Replace(target, j.ImageID, string(house.NewID()), 1)).want(t, 403)
		s.bare(t, revoked).want(t, 403)
	}
	if got := asked.Load(); got != 0 {
		t.Errorf("192 forged links had the records asked %d times, want never", got)
	}
	if got := rates.taken.Load(); got != 0 {
		t.Errorf("192 forged links were counted %d times, want never: that too is a question to a store", got)
	}
	s.bare(t, target).want(t, 200)
	if asked.Load() == 0 || rates.taken.Load() != 1 {
		t.Errorf("a good link had the records asked %d times and was counted %d times: the test watches nothing", asked.Load(), rates.taken.Load())
	}
}
