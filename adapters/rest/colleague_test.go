package rest_test

import (
	"net/url"
	"testing"

	"imgd/core"
	"imgd/ports/portstest"
)

// A colleague is of the same tenant and may write, and owns nothing of what is asked for.
func TestAColleagueLearnsAndChangesNothingOfWhatIsDeleted(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	path := "/v1/images/" + j.ImageID
	colleague := signed(t, core.Principal{Tenant: tokens["admin"].Tenant, Subject: "somebody-else", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}})
	owner := signed(t, tokens["ann"])
	s.ask(t, "DELETE", path, nil, "Authorization", colleague).want(t, 403)
	s.ask(t, "DELETE", path, nil, "Authorization", owner).want(t, 204)
	never := anonymous(t, s.ask(t, "DELETE", "/v1/images/"+nobody, nil, "Authorization", colleague).want(t, 404))
	for _, query := range []string{"", "?purge=true"} {
		a := s.ask(t, "DELETE", path+query, nil, "Authorization", colleague).want(t, 404)
		if got := anonymous(t, a); got != never {
			t.Errorf("DELETE of what is deleted says\n%s\nand of what never was\n%s", got, never)
		}
	}
	s.ask(t, "DELETE", path+"?purge=true", nil, "Authorization", owner).want(t, 204)
}

func TestAWatermarkHasToBeReadable(t *testing.T) {
	s, d := narrowed(t)
	j := s.upload(t, "x")
	s.run(t)
	wanting := []byte(`{"variants":{"seen":"w=5,wm=` + j.ImageID + `:center:1:1"}}`)
	other := s.upload(t, "y")
	s.run(t)
	ask := func(p core.Principal) answer {
		return s.ask(t, "POST", "/v1/images/"+other.ImageID+"/jobs", wanting, "Content-Type", "application/json", "Authorization", signed(t, p))
	}
	reader := tokens["ann"]
	ask(reader).want(t, 202)
	blind := reader
	blind.Scopes = []core.Scope{core.ScopeWrite}
	ask(blind).want(t, 400)
	upload := func(note string) answer {
		return s.ask(t, "POST", "/v1/images?variants="+url.QueryEscape(string(wanting[len(`{"variants":`):len(wanting)-1])), portstest.FakeImage(9, 9, note),
			"Content-Type", "image/png", "Authorization", signed(t, reader))
	}
	upload("before").want(t, 202)
	d.Deny("read image")
	upload("after").want(t, 400)
}

func TestAnImageIsMovedOnlyWhereItsOwnerMayCreate(t *testing.T) {
	s, d := narrowed(t)
	j := s.upload(t, "x")
	d.Deny("create bucket")
	ask := func(body string) answer {
		return s.ask(t, "PATCH", "/v1/images/"+j.ImageID, []byte(body), "Content-Type", "application/merge-patch+json", "Authorization", signed(t, tokens["ann"]))
	}
	ask(`{"bucket":"press"}`).want(t, 403)
	ask(`{"filename":"a.png"}`).want(t, 200)
}
