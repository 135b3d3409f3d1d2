package rest_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"imgd"
	"imgd/adapters/disk"
	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/records/sqlite"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/e2e/house"
)

// rule is who may call an operation.
type rule struct {
	scope core.Scope // empty: it needs no token
	// owner says that only the owner of the object, or an administrator, may.
	owner bool
	// public says that anybody may, where the object is in a public bucket.
	public bool
	// deleted is what the owner of a deleted object is answered; zero is 404.
	deleted int
	// query names an object that the path does not.
	query string
	// media and body are of a request that is right.
	media, body string
	// status is of the answer to it.
	status int
}

// rules has every operation of the contract. {image} and {job} are filled in.
var rules = map[string]rule{
	"uploadImage":         {scope: core.ScopeWrite, media: "image/png", body: "FAKE 4x3 matrix", status: 202},
	"listImages":          {scope: core.ScopeRead, status: 200},
	"lookupImages":        {scope: core.ScopeRead, media: "application/json", body: `{"ids":["{image}"]}`, status: 200},
	"getImage":            {scope: core.ScopeRead, status: 200},
	"patchImage":          {scope: core.ScopeWrite, owner: true, media: "application/merge-patch+json", body: `{"bucket":"b"}`, status: 200},
	"deleteImage":         {scope: core.ScopeWrite, owner: true, deleted: 204, status: 204},
	"addJob":              {scope: core.ScopeWrite, owner: true, media: "application/json", body: `{"variants":{"a":"w=1"}}`, status: 202},
	"listImageEvents":     {scope: core.ScopeRead, owner: true, status: 200},
	"listEvents":          {scope: core.ScopeAdmin, query: "?image_id={image}", status: 200},
	"getVariant":          {scope: core.ScopeRead, public: true, status: 200},
	"headVariant":         {scope: core.ScopeRead, public: true, status: 200},
	"createLinks":         {scope: core.ScopeRead, media: "application/json", body: `{"variants":["medium"]}`, status: 200},
	"getEmbeddedMetadata": {scope: core.ScopeRead, owner: true, status: 200},
	"getOriginal":         {scope: core.ScopeRead, owner: true, status: 200},
	"listJobs":            {scope: core.ScopeRead, query: "?image_id={image}", status: 200},
	"getJob":              {scope: core.ScopeRead, status: 200},
	"retryJob":            {scope: core.ScopeWrite, owner: true, status: 409},
	"cancelJob":           {scope: core.ScopeWrite, owner: true, status: 409},
	"getCapabilities":     {scope: core.ScopeRead, status: 200},
	"getStats":            {scope: core.ScopeRead, status: 200},
	"getLiveness":         {status: 200},
	"getReadiness":        {scope: core.ScopeAdmin, query: "?verbose", status: 200}, // open without: see health_test.go
	"getMetrics":          {scope: core.ScopeAdmin, status: 200},
	"getVersion":          {status: 200},
	"getOpenAPIJSON":      {status: 200},
	"getOpenAPIYAML":      {status: 200},
	"getProblemPage":      {status: 200},
}

// place is one operation of the contract.
type place struct {
	method, path string
	op           *openapi3.Operation
}

// contractOperations are all there are, by their ids.
func contractOperations(t *testing.T) map[string]place {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(imgd.OpenAPI)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]place{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all[op.OperationID] = place{method, path, op}
		}
	}
	return all
}

// object is an image with its job.
type object struct{ image, job string }

// absent never was.
var absent = object{nobody, nobody}

// ask sends what the rule says is right about an object, with an Authorization of
// its own.
func (p place) ask(t *testing.T, s *street, r rule, about object, authorization string) answer {
	t.Helper()
	fill := strings.NewReplacer("{image_id}", about.image, "{image}", about.image, "{job_id}", about.job, "{name}", "medium", "{slug}", "internal")
	return s.ask(t, p.method, fill.Replace(p.path+r.query), []byte(fill.Replace(r.body)), "Content-Type", r.media, "Authorization", authorization)
}

func (p place) names() bool { return strings.Contains(p.path, "_id}") }

// badTokens are those that open no door, by what is wrong with them.
func badTokens(t *testing.T) map[string]string {
	t.Helper()
	mint := func(by mint, ttl time.Duration) string {
		signed, err := by.Mint(tokens["admin"], ttl)
		if err != nil {
			t.Fatal(err)
		}
		return "Bearer " + signed
	}
	other := issuer()
	other.issuer.Audience = "elsewhere"
	return map[string]string{"no token": "", "expired": mint(issuer(), -time.Hour), "another audience": mint(other, time.Hour)}
}

// wrongScopes are every scope but those that would do.
func wrongScopes(needed core.Scope) core.Principal {
	p := core.Principal{Tenant: "acme", Subject: "ann"} // who owns what is asked for
	for _, s := range []core.Scope{core.ScopeRead, core.ScopeWrite} {
		if s != needed {
			p.Scopes = append(p.Scopes, s)
		}
	}
	return p
}

func signed(t *testing.T, p core.Principal) string {
	t.Helper()
	text, err := issuer().Mint(p, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text
}

// anonymous is a 404 without what names the request, to be compared.
func anonymous(t *testing.T, a answer) string {
	t.Helper()
	if a.Request.Method == http.MethodHead {
		return a.Status
	}
	p := read[map[string]any](t, a)
	for _, name := range []string{"instance", "correlation_id"} {
		if _, ok := p[name]; !ok {
			t.Errorf("the problem has no %s: %s", name, a.body)
		}
		delete(p, name)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEveryOperationKeepsItsRule asks each operation of the contract as whoever may
// not, about what they may not, and compares what they learn.
func TestEveryOperationKeepsItsRule(t *testing.T) {
	s, transactions := openCounted(t)
	bad, all := badTokens(t), contractOperations(t)
	for id, p := range all {
		t.Run(id, func(t *testing.T) {
			r, ok := rules[id]
			if !ok {
				t.Fatalf("%s %s has no rule: say in rules who may call it", p.method, p.path)
			}
			if want := scopeOf(p.op); want != string(r.scope) {
				t.Fatalf("openapi.yaml asks for the scope %q, the rule for %q", want, r.scope)
			}
			if r.scope == "" {
				for what, token := range bad {
					if a := p.ask(t, s, r, absent, token); a.StatusCode != r.status {
						t.Errorf("with %s it is %d, want %d: it is open", what, a.StatusCode, r.status)
					}
				}
				return
			}
			by := "ann"
			if r.scope == core.ScopeAdmin {
				by = "admin"
			}
			mine, gone, theirs := s.object(t, "ann", id), s.object(t, "ann", id+" gone"), s.object(t, "stranger", id)
			shown := s.object(t, "ann", id+" shown", "?bucket=press")
			s.ask(t, "DELETE", "/v1/images/"+gone.image, nil).want(t, 204)
			for what, token := range bad {
				if a := p.ask(t, s, r, mine, token); a.StatusCode != 401 {
					t.Errorf("with %s it is %d, want 401", what, a.StatusCode)
				}
			}
			for what, token := range bad {
				want := 401
				if r.public && token == "" {
					want = r.status
				}
				if a := p.ask(t, s, r, shown, token); a.StatusCode != want {
					t.Errorf("in a public bucket with %s it is %d, want %d", what, a.StatusCode, want)
				}
			}
			for what, by := range map[string]core.Principal{"no scope": tokens["scopeless"], "the wrong scope": wrongScopes(r.scope)} {
				a := p.ask(t, s, r, mine, signed(t, by))
				if a.StatusCode != 403 || !strings.Contains(a.Header.Get("WWW-Authenticate"), `scope="`+string(r.scope)+`"`) {
					t.Errorf("with %s it is %d, WWW-Authenticate %q; want 403 and the scope", what, a.StatusCode, a.Header.Get("WWW-Authenticate"))
				}
			}
			if r.owner {
				if a := p.ask(t, s, r, mine, "Bearer writer"); a.StatusCode != 403 {
					t.Errorf("of somebody else's object it is %d, want 403", a.StatusCode)
				}
			}
			if !p.names() {
				for what, about := range map[string]object{"another tenant's": theirs, "a deleted": gone} {
					if a := p.ask(t, s, r, about, "Bearer "+by); tells(a, about) {
						t.Errorf("asked about %s object it tells of it:\n%s", what, a.body)
					}
				}
			} else {
				before := transactions.Load()
				never := p.ask(t, s, r, absent, "Bearer ann")
				cost := transactions.Load() - before
				if never.StatusCode != 404 {
					t.Fatalf("what never was is %d, want 404", never.StatusCode)
				}
				deleted := cmp.Or(r.deleted, 404)
				for what, c := range map[string]struct {
					about object
					by    string
					want  int
				}{"another tenant's": {theirs, "ann", 404}, "a deleted": {gone, "ann", deleted}, "another tenant's deleted": {gone, "stranger", 404}} {
					before := transactions.Load()
					a := p.ask(t, s, r, c.about, "Bearer "+c.by)
					if n := transactions.Load() - before; n != cost && c.want == 404 {
						t.Errorf("%s object takes %d transactions, what never was %d; want no difference", what, n, cost)
					}
					if a.StatusCode != c.want {
						t.Errorf("%s object is %d, want %d", what, a.StatusCode, c.want)
					} else if c.want == 404 && anonymous(t, a) != anonymous(t, never) {
						t.Errorf("%s object is %s\nwhat never was is %s\nwant no difference", what, anonymous(t, a), anonymous(t, never))
					}
				}
			}
			if a := p.ask(t, s, r, mine, "Bearer "+by); a.StatusCode != r.status { // last: it may delete
				t.Errorf("who may is answered %d, want %d", a.StatusCode, r.status)
			}
		})
	}
	for id := range rules {
		if _, ok := all[id]; !ok {
			t.Errorf("there is a rule for %s and no such operation", id)
		}
	}
}

// scopeOf is the scope that the contract asks for, empty for an open operation.
func scopeOf(op *openapi3.Operation) string {
	if op.Security == nil {
		return "(it does not say)"
	}
	for _, requirement := range *op.Security {
		if scopes := requirement["bearer"]; len(scopes) > 0 {
			return scopes[0]
		}
	}
	return ""
}

// tells reports whether an answer gives away more than the ids it was asked for.
func tells(a answer, about object) bool {
	if a.StatusCode >= 400 {
		return false
	}
	var p struct {
		Items []struct{ ID string }
	}
	if json.Unmarshal(a.body, &p) != nil {
		return false
	}
	for _, item := range p.Items {
		if item.ID == about.image || item.ID == about.job {
			return true
		}
	}
	return false
}

// object uploads an image as somebody and has its job done.
func (s *street) object(t *testing.T, by, note string, query ...string) object {
	t.Helper()
	a := s.ask(t, "POST", "/v1/images"+strings.Join(query, ""), []byte("FAKE 40x30 "+note), "Content-Type", "image/png", "Authorization", "Bearer "+by).want(t, 202)
	j := read[job](t, a)
	if err := s.Process.Next(t.Context(), core.ID(j.ID)); err != nil {
		t.Fatal(err)
	}
	return object{j.ImageID, j.ID}
}

// openCounted is open, with the transactions counted.
func openCounted(t *testing.T) (*street, *atomic.Int64) {
	t.Helper()
	dir := t.TempDir()
	engine, err := sqlite.Open(t.Context(), filepath.Join(dir, "imgd.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	if _, err := migrate.Up(t.Context(), migrate.SQLite, engine.SQL()); err != nil {
		t.Fatal(err)
	}
	store, err := disk.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	public, _ := opening(t, "acme/press")
	keys, _ := signing(t, keyOne)
	var n atomic.Int64
	h := house.Over(records.New(records.Counted(engine, &n)), store, nil)
	s := open(t, func(s *rest.Server) {
		s.Ingest, s.Library, s.Deliver = h.Ingest, h.Library, h.Deliver
		public(s)
		keys(s)
		s.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/plain") })
	})
	s.House = h
	return s, &n
}
