package spill

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

func problem(status int, slug, detail string) string {
	return fmt.Sprintf(`{"type":"http://127.0.0.1:8080/problems/%s","status":%d,"instance":"/tmp/x","detail":%q}`, slug, status, detail)
}

func TestWhatIsPlantedIsFound(t *testing.T) {
	const media = "application/problem+json"
	for name, c := range map[string]struct {
		method, media, body string
		status, wrong       int
	}{
		"a good problem":            {"GET", media, problem(404, "not-found", "there is no such image"), 404, 0},
		"a good answer":             {"GET", "text/html", "goroutine 1", 200, 0},
		"a folder":                  {"GET", media, problem(404, "not-found", "open /tmp/imgd/x: gone"), 404, 1},
		"a query":                   {"GET", media, problem(500, "internal", "SELECT * FROM images"), 500, 1},
		"an address":                {"GET", media, problem(503, "unavailable", "10.0.0.7 is away"), 503, 1},
		"an address of version 6":   {"GET", media, problem(503, "unavailable", "[fd00::1] is away"), 503, 1},
		"a stack":                   {"GET", media, problem(500, "internal", "goroutine 12 [running]"), 500, 1},
		"a library":                 {"GET", media, problem(400, "invalid", "multipart: NextPart: EOF"), 400, 1},
		"a key of the store":        {"GET", media, problem(404, "not-found", "v/0198c0de-5d7a is away"), 404, 1},
		"a token":                   {"GET", media, problem(401, "unauthenticated", "eyJhbGciOiJIUzI1NiJ9 is bad"), 401, 1},
		"a setting that is secret":  {"GET", media, problem(500, "internal", "set IMGD_AUTH_HS256_SECRET"), 500, 1},
		"text":                      {"GET", "text/plain", problem(404, "not-found", "x"), 404, 1},
		"no JSON":                   {"GET", media, "404 page not found", 404, 1},
		"a type nobody knows":       {"GET", media, problem(404, "gone-fishing", "x"), 404, 1},
		"another status":            {"GET", media, problem(404, "not-found", "x"), 403, 1},
		"a body where none belongs": {"HEAD", media, problem(404, "not-found", "x"), 404, 1},
		"no body where none does":   {"HEAD", media, "", 404, 0},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, "/", nil)
		if wrong := Judge(r, c.status, http.Header{"Content-Type": {c.media}}, []byte(c.body)); len(wrong) != c.wrong {
			t.Errorf("%s is found to be %q, want %d faults", name, wrong, c.wrong)
		}
	}
}
