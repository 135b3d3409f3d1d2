package rest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"imgd/adapters/authzen"
	"imgd/adapters/rest"
	"imgd/core"
)

// decisions is a decision point that says no to some actions, or nothing at all.
type decisions struct {
	no     atomic.Pointer[map[string]bool] // "read image" and so on; the id of something; all: everything
	broken atomic.Bool
}

func (d *decisions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Action   struct{ Name string }
		Resource struct{ Type, ID string }
	}
	if d.broken.Load() || json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	no := *d.no.Load()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]bool{"decision": !no["all"] && !no[q.Resource.ID] && !no[q.Action.Name+" "+q.Resource.Type]})
}

func (d *decisions) deny(actions ...string) {
	no := map[string]bool{}
	for _, a := range actions {
		no[a] = true
	}
	d.no.Store(&no)
}

// narrowed is a street whose owner has a decision point of their own.
func narrowed(t *testing.T) (*street, *decisions) {
	t.Helper()
	d := &decisions{}
	d.deny()
	point := httptest.NewServer(d)
	t.Cleanup(point.Close)
	policy, err := authzen.New(authzen.Config{URL: point.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(policy.Close)
	return open(t, func(s *rest.Server) {
		s.Ingest.Policy, s.Library.Policy, s.Deliver.Policy = policy, policy, policy
	}), d
}

// asked are the operations that a policy has to agree to, and what no means.
var asked = map[string]int{
	"uploadImage": 403, "listImages": 403, "lookupImages": 403, "listJobs": 403, "getStats": 403, "listEvents": 403,
	"getImage": 404, "patchImage": 404, "deleteImage": 404, "addJob": 404, "listImageEvents": 404, "getVariant": 404, "headVariant": 404,
	"getEmbeddedMetadata": 404, "getOriginal": 404, "getJob": 404, "retryJob": 404, "cancelJob": 404, "createLinks": 404,
}

func TestWhatThePolicyDeniesIsNotThere(t *testing.T) {
	s, d := narrowed(t)
	j := s.upload(t, "x")
	s.run(t)
	there := object{image: j.ImageID, job: j.ID}
	admin := signed(t, tokens["admin"])
	for id, p := range contractOperations(t) {
		r, ok := rules[id]
		if !ok || r.scope == "" {
			continue
		}
		want, ok := asked[id]
		if !ok && id != "getCapabilities" && id != "getMetrics" {
			t.Errorf("whether a policy is asked about %s is not said", id)
		}
		if !ok {
			continue
		}
		d.deny("all")
		a := p.ask(t, s, r, there, admin)
		if a.StatusCode != want {
			t.Errorf("%s, which the policy denies, is answered %d %s, want %d", id, a.StatusCode, a.body, want)
		}
		if want == 404 {
			d.deny()
			if never, denied := anonymous(t, p.ask(t, s, r, absent, admin)), anonymous(t, a); never != denied {
				t.Errorf("%s: denied is\n%s\nand what never was\n%s", id, denied, never)
			}
		}
		d.broken.Store(true)
		if a := p.ask(t, s, r, there, admin); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s without a decision is answered %d, want 503 with Retry-After", id, a.StatusCode)
		}
		d.broken.Store(false)
	}
}

func TestWhoMayReadMayNotThereforeChange(t *testing.T) {
	s, d := narrowed(t)
	j := s.upload(t, "x")
	s.run(t)
	there, all := object{image: j.ImageID, job: j.ID}, contractOperations(t)
	admin := signed(t, tokens["admin"])
	for id, action := range map[string]string{
		"patchImage": "update image", "addJob": "update image", "deleteImage": "delete image", "createLinks": "link image",
		"getOriginal": "read-original image", "getEmbeddedMetadata": "read-original image",
	} {
		d.deny(action)
		if a := all[id].ask(t, s, rules[id], there, admin); a.StatusCode != 403 || a.slug() != string(core.Forbidden) {
			t.Errorf("%s without %q is answered %d %s, want 403", id, action, a.StatusCode, a.body)
		}
		if a := all["getImage"].ask(t, s, rules["getImage"], there, admin); a.StatusCode != 200 {
			t.Errorf("without %q the image is answered %d, want 200", action, a.StatusCode)
		}
	}
}
