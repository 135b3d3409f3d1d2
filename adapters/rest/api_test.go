package rest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestAnImageGoesFromUploadToBytes(t *testing.T) {
	s := open(t)
	j := s.upload(t, "one", part{name: "bucket", text: "albums/summer"}, part{name: "external_id", text: "asset-1"}, part{name: "metadata", text: `{"n":12345678901234567890}`})
	if j.State != "queued" || j.Image == nil || j.Image.State != "processing" || j.NextAttemptAt == nil {
		t.Fatalf("the upload answers %+v, want a queued job with its processing image", j)
	}
	s.run(t)
	m := read[image](t, s.get(t, "/v1/images/"+j.ImageID).want(t, 200))
	if m.State != "ready" || m.Bucket != "albums/summer" || *m.ExternalID != "asset-1" || *m.Filename != "Sunset & sea.png" || m.Width != 4000 || m.Owner != "ann" || m.Blurhash == nil {
		t.Errorf("the image is %+v", m)
	}
	if got := string(m.Metadata); got != `{"n":12345678901234567890}` {
		t.Errorf("the metadata is %s, want every digit of what was sent", got)
	}
	if len(m.Variants) != 4 {
		t.Fatalf("the image has %d variants, want 4", len(m.Variants))
	}
	for _, v := range m.Variants {
		prefix := fmt.Sprintf("https://images.example.com/v1/images/%s/variants/%s?v=", j.ImageID, v.Name)
		if v.State != "ready" || v.URL == nil || *v.URL != prefix+(*v.SHA256)[:16] {
			t.Errorf("variant %s is %s at %v, want ready at %s and 16 digits of its hash", v.Name, v.State, v.URL, prefix)
			continue
		}
		a := s.get(t, strings.TrimPrefix(*v.URL, "https://images.example.com")).want(t, 200)
		if !strings.HasPrefix(string(a.body), v.Name+" ") {
			t.Errorf("the bytes of %s are %q", v.Name, a.body)
		}
	}
	done := read[job](t, s.get(t, "/v1/jobs/"+j.ID).want(t, 200))
	if done.State != "succeeded" || done.Retryable || done.NextAttemptAt != nil {
		t.Errorf("the job is %+v, want succeeded", done)
	}
}

func TestAnUploadOfRawBytesTakesItsFieldsFromTheQuery(t *testing.T) {
	s := open(t)
	a := s.ask(t, "POST", "/v1/images?bucket=b&filename=raw.png&metadata=%7B%22a%22%3A1%7D&variants=%7B%22tiny%22%3A%22w%3D10%22%7D",
		portstest.FakeImage(40, 30, ""), "Content-Type", "image/png").want(t, 202)
	j := read[job](t, a)
	if a.Header.Get("Location") != "/v1/jobs/"+j.ID {
		t.Errorf("Location is %q, want the job", a.Header.Get("Location"))
	}
	if m := j.Image; m.Bucket != "b" || *m.Filename != "raw.png" || string(m.Metadata) != `{"a":1}` || len(m.Variants) != 1 || m.Variants[0].Name != "tiny" {
		t.Errorf("the image is %+v", m)
	}
}

func TestFieldsMayFollowTheFile(t *testing.T) {
	s := open(t)
	body, media := formOf(t, part{"file", "a.png", string(portstest.FakeImage(4, 3, ""))}, part{name: "bucket", text: "late"})
	j := read[job](t, s.ask(t, "POST", "/v1/images", body, "Content-Type", media).want(t, 202))
	if j.Image.Bucket != "late" {
		t.Errorf("the bucket is %q, want late", j.Image.Bucket)
	}
}

func TestPreferWaitHoldsTheAnswerUntilTheImageIsReady(t *testing.T) {
	s := open(t)
	go func() {
		for s.Process.Next(t.Context(), "") != nil && t.Context().Err() == nil {
			time.Sleep(2 * time.Millisecond)
		}
	}()
	a := s.ask(t, "POST", "/v1/images", portstest.FakeImage(40, 30, ""), "Content-Type", "image/png", "Prefer", "respond-async, wait=20").want(t, 201)
	j := read[job](t, a)
	if j.State != "succeeded" || j.Image.State != "ready" {
		t.Errorf("the job is %s and the image %s, want succeeded and ready", j.State, j.Image.State)
	}
	if got := a.Header.Get("Preference-Applied"); got != "wait=20" {
		t.Errorf("Preference-Applied is %q, want wait=20", got)
	}
	if got := a.Header.Get("Location"); got != "/v1/images/"+j.ImageID {
		t.Errorf("Location is %q, want the image", got)
	}
}

func TestAWaitThatIsOverIsAnAcceptedUpload(t *testing.T) {
	s := open(t)
	start := time.Now()
	a := s.ask(t, "POST", "/v1/images", portstest.FakeImage(40, 30, ""), "Content-Type", "image/png", "Prefer", "wait=1").want(t, 202)
	if took := time.Since(start); took < time.Second || took > 5*time.Second {
		t.Errorf("the answer came after %s, want a second", took)
	}
	if got := a.Header.Get("Preference-Applied"); got != "wait=1" {
		t.Errorf("Preference-Applied is %q, want wait=1", got)
	}
}

func TestARequestThatIsSentTwiceIsCarriedOutOnce(t *testing.T) {
	s := open(t)
	send := func(note, key string) answer {
		body, media := formOf(t, part{"file", "a.png", string(portstest.FakeImage(4, 3, note))})
		return s.ask(t, "POST", "/v1/images", body, "Content-Type", media, "Idempotency-Key", key)
	}
	first := send("x", "k1").want(t, 202)
	again := send("x", "k1").want(t, 202)
	if again.Header.Get("Idempotency-Replayed") != "true" || first.Header.Get("Idempotency-Replayed") != "" {
		t.Errorf("Idempotency-Replayed is %q then %q, want only the second to say true", first.Header.Get("Idempotency-Replayed"), again.Header.Get("Idempotency-Replayed"))
	}
	if a, b := read[job](t, first), read[job](t, again); a.ID != b.ID || a.ImageID != b.ImageID {
		t.Errorf("the second answer names %s and %s, want those of the first: %s and %s", b.ID, b.ImageID, a.ID, a.ImageID)
	}
	if a := send("y", "k1").want(t, 422); a.slug() != "idempotency-mismatch" {
		t.Errorf("another body under the key is %s", a.slug())
	}
	if list := read[page[image]](t, s.get(t, "/v1/images")); len(list.Items) != 1 {
		t.Errorf("there are %d images, want 1", len(list.Items))
	}
}

func TestListsAreReadByTheirLinks(t *testing.T) {
	s := open(t)
	for i := range 5 {
		s.upload(t, fmt.Sprint(i), part{name: "bucket", text: "b"})
	}
	path, seen, pages := "/v1/images?bucket=b&limit=2", map[string]bool{}, 0
	for path != "" {
		a := s.get(t, path).want(t, 200)
		p := read[page[image]](t, a)
		for _, m := range p.Items {
			seen[m.ID] = true
		}
		pages++
		link := a.Header.Get("Link")
		if (link == "") != (p.NextCursor == nil) {
			t.Fatalf("page %d has Link %q and next_cursor %v", pages, link, p.NextCursor)
		}
		path, _, _ = strings.Cut(strings.TrimPrefix(link, "<https://images.example.com"), ">")
	}
	if len(seen) != 5 || pages != 3 {
		t.Errorf("saw %d images on %d pages, want 5 on 3", len(seen), pages)
	}
	if p := read[page[image]](t, s.get(t, "/v1/images?state=ready").want(t, 200)); len(p.Items) != 0 {
		t.Errorf("%d images are ready, want none", len(p.Items))
	}
}

func TestLookupTellsTheFoundFromTheMissing(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	missing := "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e"
	a := s.ask(t, "POST", "/v1/images/lookup", fmt.Appendf(nil, `{"ids":[%q,%q]}`, missing, strings.ToUpper(j.ImageID)), "Content-Type", "application/json").want(t, 200)
	got := read[struct {
		Items   []image
		Missing []string
	}](t, a)
	if len(got.Items) != 1 || got.Items[0].ID != j.ImageID || len(got.Missing) != 1 || got.Missing[0] != missing {
		t.Errorf("lookup answers %+v", got)
	}
}

func TestAPatchIsAMergePatch(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x", part{name: "metadata", text: `{"keep":1.50,"drop":2,"deep":{"a":1,"b":2}}`}, part{name: "external_id", text: "e"})
	patch := func(body string, headers ...string) answer {
		return s.ask(t, "PATCH", "/v1/images/"+j.ImageID, []byte(body), append([]string{"Content-Type", "application/merge-patch+json"}, headers...)...)
	}
	a := patch(`{"metadata":{"drop":null,"new":"x","deep":{"b":null,"c":3}},"external_id":null,"filename":"dir/new.png","bucket":"other"}`, "If-Match", `"1"`).want(t, 200)
	m := read[image](t, a)
	if got, want := string(m.Metadata), `{"deep":{"a":1,"c":3},"keep":1.50,"new":"x"}`; got != want {
		t.Errorf("the metadata is %s, want %s", got, want)
	}
	if m.ExternalID != nil || *m.Filename != "new.png" || m.Bucket != "other" {
		t.Errorf("the image is %+v", m)
	}
	if got := a.Header.Get("ETag"); got != `"2"` || m.Version != 2 {
		t.Errorf("the ETag is %s of version %d, want of version 2", got, m.Version)
	}
	if a := patch(`{"bucket":"third"}`, "If-Match", `"1"`).want(t, 412); a.slug() != "precondition-failed" {
		t.Errorf("a patch of an old version is %s", a.slug())
	}
	patch(`{"bucket":"third"}`, "If-Match", `W/"2"`).want(t, 412)
	patch(`{"bucket":"third"}`, "If-Match", `*`).want(t, 200)
	if m := read[image](t, patch(`{"metadata":null}`).want(t, 200)); string(m.Metadata) != "{}" {
		t.Errorf("null leaves the metadata %s, want {}", m.Metadata)
	}
	if a := patch(`{"metadata":{"a":`+strings.Repeat(`{"a":`, 20)+`1`+strings.Repeat(`}`, 21)+`}`).want(t, 400); a.slug() != "invalid-metadata" {
		t.Errorf("metadata that is too deep is %s: %s", a.slug(), a.body)
	}
}

func TestADeletedImageIsGoneForEveryReader(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil).want(t, 204)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID+"?purge=true", nil).want(t, 204)
	for _, path := range []string{"/v1/images/" + j.ImageID, "/v1/images/" + j.ImageID + "/variants/medium", "/v1/images/" + j.ImageID + "/original", "/v1/jobs/" + j.ID} {
		s.get(t, path).want(t, 404)
	}
}

func TestMoreVariantsOfAStoredImage(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	add := func(body string) answer {
		return s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(body), "Content-Type", "application/json")
	}
	a := add(`{"variants":{"square":"w=40,h=40,fit=cover"}}`).want(t, 202)
	more := read[job](t, a)
	if more.Image == nil || more.Image.State != "processing" || a.Header.Get("Location") != "/v1/jobs/"+more.ID {
		t.Errorf("the answer is %+v at %s", more, a.Header.Get("Location"))
	}
	if again := read[job](t, add(`{"variants":{"square":"fit=cover,h=40,w=40"}}`).want(t, 202)); again.ID != more.ID {
		t.Errorf("the same work is job %s, want %s", again.ID, more.ID)
	}
	a = s.get(t, "/v1/images/"+j.ImageID+"/variants/square").want(t, 404)
	if a.slug() != "variant-not-ready" || a.Header.Get("Retry-After") == "" {
		t.Errorf("a variant to come is %s with Retry-After %q", a.slug(), a.Header.Get("Retry-After"))
	}
	s.run(t)
	s.get(t, "/v1/images/"+j.ImageID+"/variants/square").want(t, 200)
	if list := read[page[job]](t, s.get(t, "/v1/jobs?image_id="+j.ImageID+"&state=succeeded").want(t, 200)); len(list.Items) != 2 {
		t.Errorf("%d jobs of the image succeeded, want 2", len(list.Items))
	}
}

func TestAJobIsCancelledAndRetried(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	if got := read[job](t, s.ask(t, "POST", "/v1/jobs/"+j.ID+"/cancel", nil).want(t, 202)); got.State != "cancelled" || !got.Retryable {
		t.Errorf("the cancelled job is %+v", got)
	}
	if a := s.ask(t, "POST", "/v1/jobs/"+j.ID+"/cancel", nil).want(t, 409); a.slug() != "job-state-conflict" {
		t.Errorf("a second cancel is %s", a.slug())
	}
	a := s.ask(t, "POST", "/v1/jobs/"+j.ID+"/retry", nil).want(t, 202)
	if got := read[job](t, a); got.State != "queued" || a.Header.Get("Location") != "/v1/jobs/"+j.ID {
		t.Errorf("the retried job is %+v at %s", got, a.Header.Get("Location"))
	}
	s.run(t)
	events := read[page[struct{ Type string }]](t, s.get(t, "/v1/images/"+j.ImageID+"/events").want(t, 200))
	var types []string
	for _, e := range events.Items {
		types = append(types, e.Type)
	}
	for _, want := range []core.EventType{core.ImageCreated, core.JobCreated, core.JobCancel, core.JobRequeued, core.JobClaimed, core.JobDone} {
		if !strings.Contains(strings.Join(types, " "), string(want)) {
			t.Errorf("the audit trail %v lacks %s", types, want)
		}
	}
}

func TestAFailedJobCarriesItsProblem(t *testing.T) {
	s := open(t)
	s.Render.Before = func(context.Context, ports.Task) error {
		return core.ImageTruncated.Errorf("the image ends early").With("actual", 7)
	}
	j := s.upload(t, "x")
	s.run(t)
	got := read[job](t, s.get(t, "/v1/jobs/"+j.ID).want(t, 200))
	if got.State != "failed" || got.Error["type"] != "https://images.example.com/problems/image-truncated" || got.Error["status"] != 422.0 || got.Error["actual"] != 7.0 {
		t.Errorf("the job is %s with the error %v", got.State, got.Error)
	}
	a := s.get(t, "/v1/images/"+j.ImageID+"/variants/medium").want(t, 404)
	if a.slug() != "variant-failed" {
		t.Errorf("a variant that could not be made is %s", a.slug())
	}
}

func TestWaitingForAJobEndsWhenItChanges(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	go func() {
		time.Sleep(50 * time.Millisecond)
		_ = s.Process.Next(t.Context(), "")
	}()
	start := time.Now()
	got := read[job](t, s.get(t, "/v1/jobs/"+j.ID+"?wait=20").want(t, 200))
	if got.State == "queued" || time.Since(start) > 10*time.Second {
		t.Errorf("after %s the job is %s", time.Since(start), got.State)
	}
}

func TestNumbersAreTheTenantsAndTheFleetsForAdministrators(t *testing.T) {
	s := open(t)
	s.upload(t, "x")
	s.run(t)
	s.upload(t, "y")
	type stats struct {
		Images int
		Jobs   map[string]int
		Fleet  *struct {
			QueueDepth int `json:"queue_depth"`
		}
	}
	own := read[stats](t, s.get(t, "/v1/stats").want(t, 200))
	if own.Images != 2 || own.Jobs["succeeded"] != 1 || own.Jobs["queued"] != 1 || own.Fleet != nil {
		t.Errorf("ann sees %+v", own)
	}
	if dead, ok := own.Jobs["dead"]; !ok || dead != 0 {
		t.Errorf("jobs are %v, want every state, zeros too", own.Jobs)
	}
	all := read[stats](t, s.get(t, "/v1/stats", "Authorization", "Bearer admin").want(t, 200))
	if all.Fleet == nil || all.Fleet.QueueDepth != 1 {
		t.Errorf("an administrator sees %+v, want one due job", all)
	}
}

func TestCapabilitiesNameFormatsLimitsAndPresets(t *testing.T) {
	s := open(t)
	c := read[struct {
		Formats struct{ Read, Write []string }
		Limits  struct {
			UploadBytes int  `json:"upload_bytes"`
			Pixels      *int `json:"pixels"`
		}
		Presets   map[string]map[string]string
		Transform map[string][]string
		Renderer  string
	}](t, s.get(t, "/v1/capabilities").want(t, 200))
	if c.Formats.Read[0] != "png" || c.Limits.UploadBytes != 1<<20 || c.Limits.Pixels != nil || c.Renderer != "0" {
		t.Errorf("capabilities are %+v", c)
	}
	if p := c.Presets["default"]; len(p) != 4 || !strings.Contains(p["thumbnail"], "w=150") {
		t.Errorf("the default preset is %v", p)
	}
	if _, sizes := c.Transform["w"]; !sizes || !slices.Equal(c.Transform["fmt"], []string{"webp"}) {
		t.Errorf("of the language it does %v, want w and, of the formats, webp alone", c.Transform)
	}
}

func TestPresetsAreAskedForByName(t *testing.T) {
	s := open(t)
	s.Ingest.Presets = func() transform.Presets {
		square := transform.Default()
		square.W, square.H, square.Fit = 50, 50, transform.FitCover
		return transform.Presets{"default": transform.DefaultPreset(), "mobile": {{Name: "square", Spec: square}}}
	}
	a := s.ask(t, "POST", "/v1/images?preset=mobil", portstest.FakeImage(40, 30, "x"), "Content-Type", "image/png").want(t, 400)
	p := read[struct {
		Type       string
		Allowed    []string
		Suggestion string
	}](t, a)
	if !strings.HasSuffix(p.Type, "/unknown-preset") || !slices.Equal(p.Allowed, []string{"default", "mobile"}) || p.Suggestion != "mobile" {
		t.Errorf("an unknown preset is answered %s, want unknown-preset, the two there are and the nearest", a.body)
	}
	j := read[job](t, s.ask(t, "POST", "/v1/images?preset=mobile", portstest.FakeImage(40, 30, "x"), "Content-Type", "image/png").want(t, 202))
	if vs := j.Image.Variants; len(vs) != 1 || vs[0].Name != "square" {
		t.Errorf("the preset mobile has the variants %+v, want square alone", vs)
	}
	s.run(t)
	again := read[job](t, s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"preset": "default"}`), "Content-Type", "application/json").want(t, 202))
	if vs := again.Image.Variants; len(vs) != 5 {
		t.Errorf("with the default preset the image has %+v, want five variants", vs)
	}
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"preset": "nothing"}`), "Content-Type", "application/json").want(t, 400)
}

func TestHeadAnswersLikeGetWithoutABody(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	for _, path := range []string{"/v1/images/" + j.ImageID, "/v1/images", "/livez", "/openapi.json", "/v1/images/" + j.ImageID + "/variants/medium", "/v1/images/" + j.ImageID + "/original"} {
		a := s.ask(t, http.MethodHead, path, nil).want(t, 200)
		if len(a.body) != 0 {
			t.Errorf("HEAD %s has a body", path)
		}
	}
	if a := s.ask(t, http.MethodHead, "/v1/images/x", nil).want(t, 404); len(a.body) != 0 {
		t.Errorf("HEAD of nothing has the body %q", a.body)
	}
}
