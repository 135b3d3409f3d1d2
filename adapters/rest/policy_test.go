package rest_test

import (
	"net/http/httptest"
	"testing"

	"imgd/adapters/authzen"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/e2e/point"
)

// narrowed is a street whose owner has a decision point of their own.
func narrowed(t *testing.T) (*street, *point.Point) {
	t.Helper()
	d := &point.Point{}
	there := httptest.NewServer(d)
	t.Cleanup(there.Close)
	policy, err := authzen.New(authzen.Config{URL: there.URL})
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
		if !ok && id != "getCapabilities" && id != "getMetrics" && id != "getReadiness" {
			t.Errorf("whether a policy is asked about %s is not said", id)
		}
		if !ok {
			continue
		}
		d.Deny("all")
		a := p.ask(t, s, r, there, admin)
		if a.StatusCode != want {
			t.Errorf("%s, which the policy denies, is answered %d %s, want %d", id, a.StatusCode, a.body, want)
		}
		if want == 404 {
			d.Deny()
			if never, denied := anonymous(t, p.ask(t, s, r, absent, admin)), anonymous(t, a); never != denied {
				t.Errorf("%s: denied is\n%s\nand what never was\n%s", id, denied, never)
			}
		}
		d.Break(true)
		if a := p.ask(t, s, r, there, admin); a.StatusCode != 503 || a.Header.Get("Retry-After") == "" {
			t.Errorf("%s without a decision is answered %d, want 503 with Retry-After", id, a.StatusCode)
		}
		d.Break(false)
	}
}

func TestThePolicyIsAskedAboutATombstoneToo(t *testing.T) {
	s, d := narrowed(t)
	mine := s.object(t, "ann", "x")
	all := contractOperations(t)
	remove := func(o object) answer {
		t.Helper()
		return all["deleteImage"].ask(t, s, rules["deleteImage"], o, "Bearer ann")
	}
	remove(mine).want(t, 204)
	for _, no := range []string{"delete image", "read image", mine.image, "all"} {
		d.Deny(no)
		denied := remove(mine).want(t, 404)
		d.Deny()
		if last := s.lastRefusal(t); last.ImageID != mine.image || last.Detail["operation"] != "deleteImage" || last.Detail["answer"] != "not-found" {
			t.Errorf("the last refusal, after %q was denied, is %+v", no, last)
		}
		if a, b := anonymous(t, denied), anonymous(t, remove(absent).want(t, 404)); a != b {
			t.Errorf("a tombstone that the policy keeps (%s) is\n%s\nand what never was\n%s", no, a, b)
		}
	}
	asked := d.Asked()
	s.ask(t, "DELETE", "/v1/images/"+mine.image, nil, "Authorization", "Bearer writer").want(t, 404)
	if n := d.Asked() - asked; n != 0 {
		t.Errorf("about a colleague's tombstone, which our own rules keep, the policy is asked %d times", n)
	}
	d.Break(true)
	remove(mine).want(t, 503)
	d.Break(false)
	remove(mine).want(t, 204)
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
		d.Deny(action)
		if a := all[id].ask(t, s, rules[id], there, admin); a.StatusCode != 403 || a.slug() != string(core.Forbidden) {
			t.Errorf("%s without %q is answered %d %s, want 403", id, action, a.StatusCode, a.body)
		}
		if a := all["getImage"].ask(t, s, rules["getImage"], there, admin); a.StatusCode != 200 {
			t.Errorf("without %q the image is answered %d, want 200", action, a.StatusCode)
		}
	}
}
