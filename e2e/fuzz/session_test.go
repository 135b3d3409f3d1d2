package fuzz

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"pgregory.net/rapid"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/e2e/contract"
)

// service is an imgd that is asked.
type service struct {
	url    string
	secret string // what tokens are signed with, empty where nobody is asked for one
	client *http.Client
	seen   map[string]map[int]int // by operation and status
	count  int
}

func newService(address, secret string) *service {
	return &service{url: address, secret: secret, seen: map[string]map[int]int{}, client: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       time.Minute,
	}}
}

// session is a caller who remembers what they were told, so that they can ask about it.
type session struct {
	*service
	tenant                                 string
	images, jobs, cursors, tags, addresses []string
}

var tenants atomic.Int64

// talk is the property: whatever is asked, the answer is one that the contract has.
func (v *service) talk(t *rapid.T) {
	s := &session{service: v, tenant: fmt.Sprint("t", tenants.Add(1)), addresses: []string{"/livez"}}
	send := func(t *rapid.T, prefer string) {
		r := &request{
			method: "POST", path: "/v1/images", query: []string{"variants=" + url.QueryEscape(`{"a":"w=9,fmt=png"}`)},
			header: http.Header{"Content-Type": {"image/png"}, "Prefer": {prefer}}, body: files["png"],
		}
		s.admit(r)
		s.ask(t, "upload", r)
	}
	send(t, "wait=5")
	actions := map[string]func(*rapid.T){
		"upload": func(t *rapid.T) { send(t, "wait=5") }, // as often as one is deleted
		"upload and cancel": func(t *rapid.T) {
			send(t, "wait=0")
			if len(s.jobs) > 0 {
				r := &request{method: "POST", path: "/v1/jobs/" + s.jobs[len(s.jobs)-1] + "/cancel", header: http.Header{}}
				s.admit(r)
				s.ask(t, "cancel", r)
			}
		},
		"stray":  func(t *rapid.T) { s.ask(t, "stray", s.stray(t)) },
		"follow": func(t *rapid.T) { s.ask(t, "follow", s.follow(t)) },
	}
	for _, op := range contract.Ours().Operations() {
		actions[op.OperationID] = func(t *rapid.T) { s.ask(t, op.OperationID, s.draw(t, op)) }
	}
	t.Repeat(actions)
}

// ask sends a request and judges the answer.
func (s *session) ask(t *rapid.T, name string, r *request) {
	t.Helper()
	u, err := url.Parse(s.url + r.path)
	if err != nil {
		return // no client can send this; every operation has to be answered often all the same
	}
	if len(r.query) > 0 {
		u.RawQuery = strings.Join(r.query, "&")
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return // no client can send this; every operation has to be answered often all the same
	}
	req.Header = r.header
	res, err := s.client.Do(req)
	if err != nil && r.unbearable() {
		return // it was hung up on in the middle of it
	}
	if err != nil {
		t.Fatalf("%s\nis not answered: %v", r, err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	body, err := io.ReadAll(res.Body)
	if err != nil && !r.unbearable() {
		t.Fatalf("%s\nis answered %d, and half of it: %v", r, res.StatusCode, err)
	}
	t.Logf("%s -> %d %.200s", r, res.StatusCode, body)
	s.note(name, res.StatusCode)
	for _, wrong := range s.judge(req, r, res, body) {
		t.Errorf("%s\nis answered %d: %s\n    %.600s", r, res.StatusCode, wrong, body)
	}
	s.learn(res.Header, body)
}

func (s *session) judge(req *http.Request, r *request, res *http.Response, body []byte) []string {
	wrong := contract.Ours().Judge(req, res.StatusCode, res.Header, body)
	if res.StatusCode >= 500 && res.StatusCode != http.StatusNotImplemented && res.StatusCode != http.StatusHTTPVersionNotSupported {
		wrong = append(wrong, "something went wrong on our side")
	}
	if r.refuse != "" && res.StatusCode < 400 {
		wrong = append(wrong, "want a refusal: "+r.refuse)
	}
	if id := r.header.Values("X-Correlation-ID"); len(id) == 1 && correlationIDs.MatchString(id[0]) && res.Header.Get("X-Correlation-ID") != id[0] && res.Header.Get("X-Content-Type-Options") != "" {
		wrong = append(wrong, fmt.Sprintf("it names %q where the caller says %q", res.Header.Get("X-Correlation-ID"), id[0]))
	}
	return wrong
}

var correlationIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func (v *service) note(name string, status int) {
	if v.seen[name] == nil {
		v.seen[name] = map[int]int{}
	}
	v.seen[name][status]++
	v.count++
}

// learn keeps what an answer names.
func (s *session) learn(h http.Header, body []byte) {
	keep := func(to *[]string, v string) {
		if v != "" && !slices.Contains(*to, v) {
			*to = append((*to)[max(0, len(*to)-30):], v)
		}
	}
	keep(&s.tags, h.Get("ETag"))
	for _, address := range []string{h.Get("Location"), strings.TrimPrefix(strings.TrimSuffix(h.Get("Link"), `>; rel="next"`), "<")} {
		if address != "" {
			keep(&s.addresses, pathOf(address))
		}
	}
	var walk func(name string, v any)
	walk = func(name string, v any) {
		switch v := v.(type) {
		case map[string]any:
			id, _ := v["id"].(string)
			if _, ok := v["variants"].([]any); ok {
				keep(&s.images, id)
			} else if _, ok := v["attempt"]; ok {
				keep(&s.jobs, id)
			}
			for _, name := range slices.Sorted(maps.Keys(v)) { // the same order each time, or no seed says anything
				walk(name, v[name])
			}
		case []any:
			for _, below := range v {
				walk(name, below)
			}
		case string:
			switch name {
			case "next_cursor":
				keep(&s.cursors, v)
			case "url":
				keep(&s.addresses, pathOf(v))
			case "type":
				if strings.Contains(v, "/problems/") {
					keep(&s.addresses, pathOf(v))
				}
			}
		}
	}
	var v any
	if json.Unmarshal(body, &v) == nil {
		walk("", v)
	}
}

// authorize puts a token into a request: most often a good one, else none or one that
// opens nothing.
func (s *session) authorize(t *rapid.T, r *request, open bool) {
	if s.secret == "" {
		return
	}
	if !oneIn(t, 5, "other token") {
		s.admit(r)
		return
	}
	all := []core.Scope{core.ScopeRead, core.ScopeWrite, core.ScopeAdmin}
	good := s.mint(s.secret, time.Hour, all...)
	head, rest, _ := strings.Cut(good, ".")
	claims, _, _ := strings.Cut(rest, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	switch how := pick(t, "token", "none", "reader", "writer", "scopeless", "stranger", "expired", "forged", "unsigned", "cut", "longer", "garbage", "two", "basic", "empty", "huge"); how {
	case "reader":
		r.header.Set("Authorization", "Bearer "+s.mint(s.secret, time.Hour, core.ScopeRead))
	case "writer":
		r.header.Set("Authorization", "bearer  "+s.mint(s.secret, time.Hour, core.ScopeWrite))
	case "scopeless":
		r.header.Set("Authorization", "Bearer "+s.mint(s.secret, time.Hour))
	case "stranger":
		other := session{service: s.service, tenant: "stranger"}
		r.header.Set("Authorization", "Bearer "+other.mint(s.secret, time.Hour, all...))
	default:
		bad := map[string][]string{
			"none": nil, "expired": {"Bearer " + s.mint(s.secret, -time.Hour, all...)}, "forged": {"Bearer " + s.mint(strings.Repeat("x", 32), time.Hour, all...)},
			"unsigned": {"Bearer " + none + "." + claims + "."}, "cut": {"Bearer " + good[:len(good)-3]}, "longer": {"Bearer " + good + "AA"}, "garbage": {"Bearer a.b.c"},
			"two": {"Bearer " + good, "Bearer " + good}, "basic": {"Basic YTpi"}, "empty": {"Bearer "}, "huge": {"Bearer " + head + "." + strings.Repeat("A", 9<<10) + ".x"},
		}
		r.header["Authorization"] = bad[how]
		if !open && !strings.Contains(r.path, "/variants/") && r.path != "/metrics" && strings.HasPrefix(r.path, "/v1") {
			r.must("the token is " + how)
		}
	}
}

// admit puts a token into a request that may do everything.
func (s *session) admit(r *request) {
	if s.secret != "" {
		r.header.Set("Authorization", "Bearer "+s.mint(s.secret, time.Hour, core.ScopeRead, core.ScopeWrite, core.ScopeAdmin))
	}
}

func (s *session) mint(secret string, ttl time.Duration, scopes ...core.Scope) string {
	k, err := token.NewSecret(secret)
	if err != nil {
		panic(err)
	}
	is := token.Issuer{Name: "imgd", Keys: k, Audience: "imgd", Tenants: token.Tenants{Claim: "org_id"}}
	signed, err := is.Mint(core.Principal{Tenant: s.tenant, Subject: "ann", Scopes: scopes}, time.Now(), ttl)
	if err != nil {
		panic(err)
	}
	return signed
}
