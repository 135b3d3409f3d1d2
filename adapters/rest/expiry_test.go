package rest_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	"imgd/ports"
	"imgd/ports/portstest"
)

// expiry is when an image is deleted by itself, as an answer says it.
func expiry(t *testing.T, body []byte) string {
	t.Helper()
	var m struct {
		ExpiresAt *string `json:"expires_at"`
		Image     *struct {
			ExpiresAt *string `json:"expires_at"`
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	at := m.ExpiresAt
	if m.Image != nil {
		at = m.Image.ExpiresAt
	}
	if at == nil {
		return "never"
	}
	return *at
}

func TestAnImageIsGivenATimeAtWhichItIsDeleted(t *testing.T) {
	s := open(t)
	const wanted = "2125-06-01T10:30:00.123456Z"
	body, media := formOf(t, part{name: "expires_at", text: "2125-06-01T12:30:00.123456789+02:00"}, part{"file", "a.png", string(portstest.FakeImage(4, 3, "a"))})
	a := s.ask(t, "POST", "/v1/images", body, "Content-Type", media).want(t, 202)
	j := read[job](t, a)
	if got := expiry(t, a.body); got != wanted {
		t.Errorf("the upload says %s, want %s", got, wanted)
	}
	raw := s.ask(t, "POST", "/v1/images?expires_at="+url.QueryEscape("2125-06-01T12:30:00+02:00"), portstest.FakeImage(4, 3, "b"), "Content-Type", "image/png").want(t, 202)
	if got := expiry(t, raw.body); got != "2125-06-01T10:30:00Z" {
		t.Errorf("an upload of raw bytes says %s, want 2125-06-01T10:30:00Z", got)
	}
	path := "/v1/images/" + j.ImageID
	patch := func(text string) answer {
		t.Helper()
		return s.ask(t, http.MethodPatch, path, []byte(text), "Content-Type", "application/merge-patch+json")
	}
	if got := expiry(t, patch(`{"bucket":"b"}`).want(t, 200).body); got != wanted {
		t.Errorf("after a patch of something else it is %s, want %s", got, wanted)
	}
	if got := expiry(t, patch(`{"expires_at":"2130-01-01T00:00:00Z"}`).want(t, 200).body); got != "2130-01-01T00:00:00Z" {
		t.Errorf("after it was put off it is %s", got)
	}
	if got := expiry(t, patch(`{"expires_at":null}`).want(t, 200).body); got != "never" {
		t.Errorf("after its removal it is %s, want never", got)
	}
	if got := expiry(t, s.get(t, path).want(t, 200).body); got != "never" {
		t.Errorf("when it is read again it is %s, want never", got)
	}
	if got := expiry(t, s.upload(t, "c").raw(t, s)); got != "never" {
		t.Errorf("of an upload that says nothing it is %s, want never", got)
	}
}

// raw is the image of j as it is read.
func (j job) raw(t *testing.T, s *street) []byte {
	t.Helper()
	return s.get(t, "/v1/images/"+j.ImageID).want(t, 200).body
}

func TestAnEndThatIsNoTimeOrHasPassedIsRefused(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	past := time.Now().Add(-time.Second).UTC().Format(time.RFC3339)
	for _, at := range []string{"tomorrow", "2125-06-01", "2125-13-01T00:00:00Z", past, "0001-01-01T00:00:00Z", "1700000000"} {
		body, media := formOf(t, part{name: "expires_at", text: at}, part{"file", "a.png", string(portstest.FakeImage(4, 3, at))})
		if a := s.ask(t, "POST", "/v1/images", body, "Content-Type", media); a.StatusCode != 400 || a.slug() != "invalid-parameter" {
			t.Errorf("a form with %q = %d %s, want 400 invalid-parameter", at, a.StatusCode, a.body)
		}
		if a := s.ask(t, "POST", "/v1/images?expires_at="+url.QueryEscape(at), portstest.FakeImage(4, 3, at), "Content-Type", "image/png"); a.StatusCode != 400 || a.slug() != "invalid-parameter" {
			t.Errorf("a query with %q = %d %s, want 400 invalid-parameter", at, a.StatusCode, a.body)
		}
		a := s.ask(t, http.MethodPatch, "/v1/images/"+j.ImageID, []byte(`{"expires_at":"`+at+`"}`), "Content-Type", "application/merge-patch+json")
		if a.StatusCode != 400 || a.slug() != "invalid-parameter" && a.slug() != "invalid-body" {
			t.Errorf("a patch with %q = %d %s, want 400", at, a.StatusCode, a.body)
		}
	}
	if keys := s.Keys(t); len(keys) != 1 {
		t.Errorf("the store holds %q, want nothing of what was refused", keys)
	}
}

func TestTheSameRequestWithAnotherEndIsAnotherRequest(t *testing.T) {
	s := open(t)
	send := func(at string) answer {
		t.Helper()
		body, media := formOf(t, part{name: "expires_at", text: at}, part{"file", "a.png", string(portstest.FakeImage(4, 3, "a"))})
		return s.ask(t, "POST", "/v1/images", body, "Content-Type", media, "Idempotency-Key", "k")
	}
	first := send("2125-06-01T00:00:00Z").want(t, 202)
	if again := send("2125-06-01T00:00:00Z").want(t, 202); expiry(t, again.body) != expiry(t, first.body) {
		t.Errorf("sent again it says %s, want %s", expiry(t, again.body), expiry(t, first.body))
	}
	if other := send("2126-06-01T00:00:00Z"); other.slug() != "idempotency-mismatch" {
		t.Errorf("with another end it is answered %d %s, want idempotency-mismatch", other.StatusCode, other.body)
	}
}

func TestAnImageWhoseTimeIsOverIsGone(t *testing.T) {
	s := open(t)
	at := time.Now().Add(100 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	j := s.upload(t, "x", part{name: "expires_at", text: at})
	time.Sleep(150 * time.Millisecond)
	if n, err := s.House.House.DeleteExpired(t.Context(), ports.Removal{}, 10); n != 1 || err != nil {
		t.Fatalf("DeleteExpired = %d, %v, want 1", n, err)
	}
	s.get(t, "/v1/images/"+j.ImageID).want(t, 404)
	s.get(t, "/v1/jobs/"+j.ID).want(t, 404)
}
