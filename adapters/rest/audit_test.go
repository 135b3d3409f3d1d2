package rest_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"imgd/adapters/rest"
)

// told is an event as callers see it.
type told struct {
	Type, Outcome, Actor string
	ImageID              string  `json:"image_id"`
	JobID                *string `json:"job_id"`
	Address              *string
	CorrelationID        string `json:"correlation_id"`
	Detail               map[string]any
}

func (s *street) trail(t *testing.T, query, by string) []told {
	t.Helper()
	return read[page[told]](t, s.get(t, "/v1/events"+query, "Authorization", "Bearer "+by).want(t, 200)).Items
}

func TestEveryRefusalOfAnObjectIsInTheTrailOfItsTenant(t *testing.T) {
	s := open(t, func(s *rest.Server) { s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	mine := s.object(t, "ann", "x")
	want := 0
	for id, p := range contractOperations(t) {
		r := rules[id]
		if r.scope == "" || !p.names() {
			continue
		}
		for by, refused := range map[string]bool{"scopeless": true, "writer": r.owner, "stranger": false} {
			if a := p.ask(t, s, r, mine, "Bearer "+by); refused != (a.StatusCode == 403) {
				t.Errorf("%s by %s is %d", id, by, a.StatusCode)
			}
			if refused {
				want++
			}
		}
		p.ask(t, s, r, absent, "Bearer scopeless") // of nothing
	}
	got := s.trail(t, "?type=access.refused&limit=200", "admin")
	if len(got) != want {
		t.Errorf("there are %d refusals in the trail, want %d", len(got), want)
	}
	for _, e := range got {
		if e.ImageID != mine.image || e.Outcome != "refused" || e.Address == nil || *e.Address != "127.0.0.1" || e.CorrelationID == "" || rules[e.Detail["operation"].(string)].scope == "" {
			t.Errorf("a refusal is %+v", e)
		}
	}
	if theirs := s.trail(t, "?limit=200", "stranger"); len(theirs) != 0 {
		t.Errorf("the stranger's own tenant has %+v, want nothing of what it guessed", theirs)
	}
	s.ask(t, "DELETE", "/v1/images/"+mine.image, nil, "Authorization", "Bearer writer", "X-Forwarded-For", "203.0.113.9", "X-Correlation-ID", "c-refused").want(t, 403)
	last := s.trail(t, "?limit=1", "admin")[0]
	if last.Actor != "wim" || *last.Address != "203.0.113.9" || last.CorrelationID != "c-refused" || last.Detail["operation"] != "deleteImage" || last.Detail["problem"] != "forbidden" {
		t.Errorf("the last refusal is %+v", last)
	}
}

func TestTheTrailTellsWhoDidWhatFromWhere(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	s.ask(t, "PATCH", "/v1/images/"+mine.image, []byte(`{"bucket":"b"}`), "Content-Type", "application/merge-patch+json").want(t, 200)
	s.ask(t, "POST", "/v1/images/"+mine.image+"/jobs", []byte(`{"variants":{"a":"w=1"}}`), "Content-Type", "application/json").want(t, 202)
	s.ask(t, "DELETE", "/v1/images/"+mine.image, nil, "Authorization", "Bearer admin").want(t, 204)
	var types []string
	for _, e := range s.trail(t, "?image_id="+mine.image, "admin") {
		types = append(types, e.Type)
		if byService := strings.HasPrefix(e.Actor, "worker:"); byService != (e.Address == nil) || !byService && *e.Address != "127.0.0.1" {
			t.Errorf("%s by %s has the address %v", e.Type, e.Actor, e.Address)
		}
		if e.Outcome != "done" {
			t.Errorf("%s came out %s", e.Type, e.Outcome)
		}
	}
	if got := strings.Join(types, " "); got != "image.deleted job.cancelled job.created image.updated job.succeeded job.claimed job.created image.created" {
		t.Errorf("the trail is %s", got)
	}
	if n := len(s.trail(t, "?actor=eve", "admin")); n != 2 {
		t.Errorf("eve is in %d events, want the deletion and the job it cancelled", n)
	}
	s.get(t, "/v1/events").want(t, 403)
	a := s.get(t, "/v1/events?limit=3", "Authorization", "Bearer admin").want(t, 200)
	next := read[page[told]](t, a)
	if next.NextCursor == nil || !strings.Contains(a.Header.Get("Link"), `rel="next"`) {
		t.Fatalf("the first page has no next: %s", a.body)
	}
	if n := len(s.trail(t, "?limit=200&cursor="+*next.NextCursor, "admin")); n != len(types)-3 {
		t.Errorf("%d events follow the first three of %d", n, len(types))
	}
	s.get(t, "/v1/events?type=job.created&cursor="+*next.NextCursor, "Authorization", "Bearer admin").want(t, 400)
}

// TestTheTrailKeepsNoSecrets writes what it can, in every place a caller has, and
// looks for it in the table.
func TestTheTrailKeepsNoSecrets(t *testing.T) {
	s := open(t)
	const secret = "hunter2"
	body, media := formOf(t, part{name: "metadata", text: `{"password":"` + secret + `"}`}, part{name: "external_id", text: secret + "-id"},
		part{"file", secret + ".png", "FAKE 40x30 " + secret})
	token := authorization(t, "Bearer ann")
	j := read[job](t, s.ask(t, "POST", "/v1/images", body, "Content-Type", media, "Cookie", "session="+secret, "Authorization", token).want(t, 202))
	s.run(t)
	s.ask(t, "PATCH", "/v1/images/"+j.ImageID, []byte(`{"metadata":{"password":"`+secret+`2"},"filename":"`+secret+`","external_id":"`+secret+`"}`),
		"Content-Type", "application/merge-patch+json").want(t, 200)
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"variants":{"`+secret+`":"w=1"}}`), "Content-Type", "application/json").want(t, 202)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil, "Authorization", "Bearer writer").want(t, http.StatusForbidden)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil).want(t, 204)
	for name, query := range map[string]string{"events": `SELECT * FROM events`, "jobs": `SELECT id, spec FROM jobs`} {
		rows, err := s.DB.SQL().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		n, found := 0, false
		for rows.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if b, ok := v.([]byte); ok {
					v = string(b)
				}
				text, _ := json.Marshal(v)
				found = found || strings.Contains(string(text), secret) || strings.Contains(string(text), strings.TrimPrefix(token, "Bearer "))
			}
			n++
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if name == "events" && (found || n < 9) {
			t.Errorf("of %d events one keeps what it should not: %v", n, found)
		}
		if name == "jobs" && !found {
			t.Error("the look does not find what is there")
		}
	}
}

func TestARefusalStandsWhenTheTrailCannotBeWritten(t *testing.T) {
	s := open(t)
	mine := s.object(t, "ann", "x")
	if _, err := s.DB.SQL().ExecContext(t.Context(), "DROP TABLE events"); err != nil {
		t.Fatal(err)
	}
	s.ask(t, "DELETE", "/v1/images/"+mine.image, nil, "Authorization", "Bearer writer").want(t, 403)
	found := false
	for _, line := range s.logs.all(t) {
		found = found || line["msg"] == "a refusal is missing from the audit trail"
	}
	if !found {
		t.Error("the log does not say that the refusal was not recorded")
	}
	s.get(t, "/v1/images/"+mine.image).want(t, 200)
}
