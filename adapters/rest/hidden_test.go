package rest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// refusals are those in the trail of acme.
func (s *street) refusals(t *testing.T) []told {
	t.Helper()
	return s.trail(t, "?type=access.refused&limit=200", "admin")
}

// lastRefusal is the newest of them; none is an empty one.
func (s *street) lastRefusal(t *testing.T) (last told) {
	t.Helper()
	if all := s.refusals(t); len(all) > 0 {
		last = all[0]
	}
	return last
}

func TestARefusalThatIsHiddenFromItsCallerIsInTheTrail(t *testing.T) {
	s, d := narrowed(t)
	mine := s.object(t, "ann", "x")
	all := contractOperations(t)
	for id, want := range asked {
		if want != 404 {
			continue
		}
		d.Deny("all")
		all[id].ask(t, s, rules[id], mine, "Bearer ann")
		d.Deny()
		last := s.lastRefusal(t)
		if last.Detail["operation"] != id || last.Detail["problem"] != "forbidden" || last.Detail["answer"] != "not-found" ||
			last.ImageID != mine.image || last.Actor != "ann" || last.Outcome != "refused" || last.Address == nil || last.CorrelationID == "" {
			t.Errorf("the last refusal after %s, which the policy denied, is %+v", id, last)
		}
	}
	before := len(s.refusals(t))
	all["getImage"].ask(t, s, rules["getImage"], absent, "Bearer ann")
	if n := len(s.refusals(t)) - before; n != 0 {
		t.Errorf("what never was is in the trail %d times", n)
	}
}

func TestWhoWantsAColleaguesTombstoneIsInTheTrail(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	s.ask(t, "DELETE", "/v1/images/"+mine.image, nil).want(t, 204)
	s.ask(t, "DELETE", "/v1/images/"+mine.image+"?purge=true", nil, "Authorization", "Bearer writer").want(t, 404)
	got := s.refusals(t)
	if len(got) != 1 || got[0].Actor != "wim" || got[0].ImageID != mine.image || got[0].Detail["operation"] != "deleteImage" || got[0].Detail["answer"] != "not-found" {
		t.Errorf("the refusals are %+v, want the one of wim", got)
	}
}

func TestWhoMayNotSeeAWatermarkIsInTheTrailOfTheWatermark(t *testing.T) {
	s := open(t)
	mark, mine := s.object(t, "ann", "mark"), s.object(t, "ann", "mine")
	blind := signed(t, core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeWrite}})
	s.ask(t, "POST", "/v1/images/"+mine.image+"/jobs", []byte(`{"variants":{"seen":"w=5,wm=`+mark.image+`:center:1:1"}}`),
		"Content-Type", "application/json", "Authorization", blind).want(t, 400)
	got := s.refusals(t)
	if len(got) != 1 || got[0].ImageID != mark.image || got[0].Detail["operation"] != "addJob" || got[0].Detail["answer"] != "invalid-transform" {
		t.Errorf("the refusals are %+v, want the one of the watermark", got)
	}
}

func TestAPurgeIsInTheTrail(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	path := "/v1/images/" + mine.image
	s.ask(t, "DELETE", path, nil).want(t, 204)
	s.ask(t, "DELETE", path+"?purge=true", nil, "Authorization", "Bearer admin", "X-Correlation-ID", "c-purge").want(t, 204)
	last := s.trail(t, "?image_id="+mine.image, "admin")[0]
	if last.Type != "image.purged" || last.Actor != "eve" || last.CorrelationID != "c-purge" || last.Address == nil || last.Outcome != "done" {
		t.Errorf("the last event is %+v, want the purge by eve", last)
	}
}

func TestAReplayTellsNoMoreThanARead(t *testing.T) {
	s, d := narrowed(t)
	body, media := formOf(t, part{name: "metadata", text: `{"who":"hunter2"}`}, part{name: "external_id", text: "hunter2-id"},
		part{"file", "hunter2.png", string(portstest.FakeImage(4, 3, "x"))})
	send := func() answer {
		return s.ask(t, "POST", "/v1/images", body, "Content-Type", media, "Idempotency-Key", "k", "X-Correlation-ID", "c")
	}
	first := send().want(t, 202)
	if again := send().want(t, 202); string(again.body) != string(first.body) {
		t.Errorf("the first answer was\n%s\nand again\n%s", first.body, again.body)
	}
	kept := func() (text string) {
		if err := s.DB.SQL().QueryRowContext(t.Context(), `SELECT CAST(body AS text) FROM idempotency`).Scan(&text); err != nil {
			t.Fatal(err)
		}
		return text
	}
	if text := kept(); strings.Contains(text, "hunter2") {
		t.Errorf("what the caller says of the image is kept apart from it: %s", text)
	}
	id := read[job](t, first).ImageID
	d.Deny("read image")
	denied := send().want(t, 409)
	d.Deny()
	if last := s.lastRefusal(t); last.ImageID != id || last.Detail["operation"] != "uploadImage" || last.Detail["answer"] != "idempotency-gone" {
		t.Errorf("the last refusal is %+v, want the replay's", last)
	}
	d.Break(true)
	send().want(t, 503)
	d.Break(false)
	s.ask(t, "DELETE", "/v1/images/"+id, nil).want(t, 204)
	gone := send().want(t, 409)
	if gone.slug() != "idempotency-gone" || string(gone.body) != string(denied.body) || strings.Contains(string(gone.body), id) {
		t.Errorf("of a deleted image the replay is\n%s\nand of one that may not be seen\n%s", gone.body, denied.body)
	}
	if list := read[page[image]](t, s.get(t, "/v1/images").want(t, 200)); len(list.Items) != 0 {
		t.Errorf("the replay made %d images", len(list.Items))
	}
}

func TestATakenExternalIDNamesOnlyWhatItsCallerMaySee(t *testing.T) {
	s, d := narrowed(t)
	taken := s.upload(t, "x", part{name: "external_id", text: "taken"}).ImageID
	other := s.upload(t, "y").ImageID
	writer := signed(t, core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeWrite}})
	upload := func(by string) answer {
		return s.ask(t, "POST", "/v1/images?external_id=taken", portstest.FakeImage(9, 9, "z"), "Content-Type", "image/png", "Authorization", by)
	}
	patch := func(by string) answer {
		return s.ask(t, "PATCH", "/v1/images/"+other, []byte(`{"external_id":"taken"}`), "Content-Type", "application/merge-patch+json", "Authorization", by)
	}
	tells := func(a answer) bool {
		t.Helper()
		var p map[string]any
		if err := json.Unmarshal(a.want(t, 409).body, &p); err != nil || a.slug() != "external-id-taken" {
			t.Fatalf("the answer is %s", a.body)
		}
		if _, named := p["image_id"]; named != strings.Contains(string(a.body), taken) {
			t.Errorf("the image is named somewhere else: %s", a.body)
		}
		return p["image_id"] == taken
	}
	for name, ask := range map[string]func(string) answer{"an upload": upload, "a change": patch} {
		if !tells(ask("Bearer ann")) {
			t.Errorf("%s does not name the image to who may see it", name)
		}
		if tells(ask(writer)) {
			t.Errorf("%s names the image to who may not read", name)
		}
	}
	d.Deny(taken)
	for name, ask := range map[string]func(string) answer{"an upload": upload, "a change": patch} {
		if tells(ask("Bearer ann")) {
			t.Errorf("%s names the image to whom the policy hides it", name)
		}
	}
}

func TestRunningJobsOfOthersAreOnlyCounted(t *testing.T) {
	s := open(t)
	mine, theirs := s.upload(t, "x"), read[job](t, s.ask(t, "POST", "/v1/images", portstest.FakeImage(9, 9, "y"), "Content-Type", "image/png", "Authorization", "Bearer stranger").want(t, 202))
	s.register(t, "w1")
	for range 2 {
		s.claim(t, "w1")
	}
	for by, want := range map[string][2]string{"admin": {mine.ID, theirs.ID}, "stranger": {theirs.ID, mine.ID}} {
		a := s.get(t, "/v1/stats", "Authorization", "Bearer "+by).want(t, http.StatusOK)
		st := read[struct {
			Fleet struct {
				Running int
				Workers []struct {
					Running int
					Jobs    []string
				}
			}
		}](t, a)
		if strings.Contains(string(a.body), want[1]) {
			t.Errorf("%s sees the id of another tenant's job", by)
		}
		if w := st.Fleet.Workers; st.Fleet.Running != 2 || len(w) != 1 || w[0].Running != 2 || len(w[0].Jobs) != 1 || w[0].Jobs[0] != want[0] {
			t.Errorf("%s sees %+v, want two jobs that run and his own named", by, st.Fleet)
		}
	}
}

// register tells of a worker, and claim has it take a job.
func (s *street) register(t *testing.T, name string) {
	t.Helper()
	if err := (records.Workers{DB: s.DB}).Alive(t.Context(), core.Worker{ID: name, Host: "node7", Version: "v1", Slots: 2, Role: "worker"}); err != nil {
		t.Fatal(err)
	}
}

func (s *street) claim(t *testing.T, name string) {
	t.Helper()
	if _, _, err := s.Jobs.Claim(t.Context(), ports.Want{Worker: name, Lease: time.Minute, SpecVersion: core.SpecVersion}); err != nil {
		t.Fatal(err)
	}
}
