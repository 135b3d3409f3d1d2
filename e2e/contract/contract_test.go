package contract

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

const id = "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e"

const goodJob = `{"id":"` + id + `","image_id":"` + id + `","state":"queued","attempt":0,"max_attempts":10,"retryable":false,"error":null,"warnings":[],
	"created_at":"2026-08-01T12:00:00Z","started_at":null,"finished_at":null,"next_attempt_at":"2026-08-01T12:00:00.5Z","cost":{"cpu_ms":0,"bytes_read":0,"bytes_written":0}}`

const goodProblem = `{"type":"http://127.0.0.1/problems/not-found","title":"Not found","status":404,"detail":"there is no such image"}`

func TestWhatIsPlantedIsFound(t *testing.T) {
	job := func(old, planted string) string {
		if !strings.Contains(goodJob, old) {
			t.Fatalf("the good job has no %s", old)
		}
		return strings.Replace(goodJob, old, planted, 1)
	}
	const jobs, variant = "/v1/jobs/" + id, "/v1/images/" + id + "/variants/a"
	refused := []string{"Content-Type", "application/problem+json"}
	image := []string{"Content-Type", "image/webp", "Cache-Control", "private, no-cache"}
	for name, c := range map[string]struct {
		method, path string
		status       int
		body         string
		headers      []string
		says         string // a part of what is wrong, empty if nothing is
	}{
		"a good job":                          {"GET", jobs, 200, goodJob, nil, ""},
		"a good problem":                      {"GET", jobs, 404, goodProblem, refused, ""},
		"good bytes":                          {"GET", variant, 200, "x", image, ""},
		"a good HEAD":                         {"HEAD", jobs, 200, "", nil, ""},
		"a good deletion":                     {"DELETE", "/v1/images/" + id, 204, "", []string{"Content-Type", ""}, ""},
		"what is unknown":                     {"GET", "/v2/images", 404, goodProblem, refused, ""},
		"a page":                              {"GET", "/dashboard", 200, "<html>", []string{"Content-Type", "text/html"}, ""},
		"a preflight":                         {"OPTIONS", jobs, 204, "", []string{"Content-Type", ""}, ""},
		"no HTTP":                             {"GET", jobs, 431, "431", []string{"X-Correlation-ID", "", "Content-Type", "text/plain; charset=utf-8"}, ""},
		"a member that is missing":            {"GET", jobs, 200, job(`"state":"queued",`, ""), nil, `"state" is missing`},
		"a member nobody has written down":    {"GET", jobs, 200, job(`"attempt":0`, `"attempt":0,"secret":1`), nil, `"secret" is unsupported`},
		"a member below nobody has written":   {"GET", jobs, 200, job(`"cpu_ms":0`, `"cpu_ms":0,"gpu_ms":0`), nil, `"gpu_ms" is unsupported`},
		"a number that is text":               {"GET", jobs, 200, job(`"attempt":0`, `"attempt":"0"`), nil, "/attempt"},
		"a number that is not whole":          {"GET", jobs, 200, job(`"attempt":0`, `"attempt":0.5`), nil, "/attempt"},
		"a number that is too small":          {"GET", jobs, 200, job(`"max_attempts":10`, `"max_attempts":0`), nil, "/max_attempts"},
		"a null where none may be":            {"GET", jobs, 200, job(`"state":"queued"`, `"state":null`), nil, "/state"},
		"a word there is not":                 {"GET", jobs, 200, job(`"queued"`, `"waiting"`), nil, "/state"},
		"an id that is none":                  {"GET", jobs, 200, job(id, "7"), nil, "/id"},
		"an id of another version":            {"GET", jobs, 200, job("7e6b", "4e6b"), nil, "/id"},
		"a time that is none":                 {"GET", jobs, 200, job("2026-08-01T12:00:00Z", "yesterday"), nil, "/created_at"},
		"a time that may be null":             {"GET", jobs, 200, job(`"started_at":null`, `"started_at":"now"`), nil, "/started_at"},
		"an error that is no problem":         {"GET", jobs, 200, job(`"error":null`, `"error":{"status":500}`), nil, "/error"},
		"a body that is no JSON":              {"GET", jobs, 200, "{", nil, "not JSON"},
		"a body with something behind":        {"GET", jobs, 200, goodJob + "{}", nil, "something follows"},
		"a body of another type":              {"GET", jobs, 200, goodJob, []string{"Content-Type", "text/html"}, "Content-Type"},
		"a body of no type":                   {"GET", jobs, 200, goodJob, []string{"Content-Type", ""}, "Content-Type"},
		"a body where none belongs":           {"DELETE", "/v1/images/" + id, 204, "x", []string{"Content-Type", ""}, "has a body"},
		"bytes that are none":                 {"GET", variant, 200, "{}", []string{"Cache-Control", "no-store"}, "Content-Type"},
		"a problem that lacks its title":      {"GET", jobs, 404, strings.Replace(goodProblem, `"title":"Not found",`, "", 1), refused, `"title" is missing`},
		"a status nobody has written down":    {"GET", jobs, 402, goodProblem, refused, "no such status"},
		"a success nobody has written down":   {"GET", jobs, 206, goodJob, nil, "no such status"},
		"a status of another operation":       {"HEAD", variant, 206, "", nil, "no such status"},
		"no correlation id":                   {"GET", jobs, 200, goodJob, []string{"X-Correlation-ID", ""}, "X-Correlation-ID"},
		"a correlation id that is none":       {"GET", jobs, 200, goodJob, []string{"X-Correlation-ID", "a b"}, "X-Correlation-ID"},
		"an answer that may be kept":          {"GET", jobs, 200, goodJob, []string{"Cache-Control", "max-age=1"}, "Cache-Control"},
		"a header that is missing":            {"POST", jobs + "/retry", 202, goodJob, nil, "no Location"},
		"a header that is not what it was":    {"GET", jobs, 503, strings.NewReplacer("404", "503", "not-found", "unavailable").Replace(goodProblem), append([]string{"Retry-After", "soon"}, refused...), "Retry-After"},
		"an answer where there is no path":    {"GET", "/v2/images", 200, "{}", nil, "no such operation"},
		"an answer to a method there is not":  {"PUT", jobs, 200, goodJob, []string{"Allow", "GET"}, "want a 405"},
		"a refusal that does not say what is": {"PUT", jobs, 405, strings.NewReplacer("404", "405", "not-found", "method-not-allowed").Replace(goodProblem), refused, "which methods"},
		"a page that fails":                   {"GET", "/dashboard", 500, strings.NewReplacer("404", "500", "not-found", "internal").Replace(goodProblem), refused, "no such operation"},
		"a refusal in plain text":             {"GET", jobs, 404, "404 page not found", []string{"Content-Type", "text/plain"}, "text/plain"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
		if c.method == "OPTIONS" {
			r.Header.Set("Access-Control-Request-Method", "GET")
		}
		h := http.Header{"Content-Type": {"application/json"}, "X-Correlation-Id": {"c"}, "Cache-Control": {"no-store"}}
		for i := 0; i < len(c.headers); i += 2 {
			if h.Del(c.headers[i]); c.headers[i+1] != "" {
				h.Set(c.headers[i], c.headers[i+1])
			}
		}
		switch wrong := strings.Join(Ours().Judge(r, c.status, h, []byte(c.body)), "\n"); {
		case c.says == "" && wrong != "":
			t.Errorf("%s is found to be wrong: %s", name, wrong)
		case c.says != "" && !strings.Contains(wrong, c.says):
			t.Errorf("of %s it is said %q, want %q in it", name, wrong, c.says)
		}
	}
}

func TestWhatWasHeardFailsTheRun(t *testing.T) {
	answer := goodJob
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Correlation-ID", "c")
		_, _ = io.WriteString(w, answer)
	}))
	defer ts.Close()
	client := &http.Client{Transport: Around(ts.Client().Transport)}
	ask := func() string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", ts.URL+"/v1/jobs/"+id, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close() //nolint:errcheck // it was only read
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	if got := ask(); got != answer || verdict(0) != 0 {
		t.Errorf("a good answer came as %q, and is not fine", got)
	}
	if answer = `{"id":7}`; ask() != answer || verdict(0) != 1 {
		t.Error("a run with a wrong answer is fine")
	}
}

func TestAnAnswerOfOursIsJudgedEvenIfItDoesNotSayWhoseItIs(t *testing.T) {
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "gone", http.StatusNotFound) }))
	defer ts.Close()
	count := func() int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "GET", ts.URL+"/v1/jobs", nil)
		if err != nil {
			t.Fatal(err)
		}
		before := heard.count
		res, err := (&http.Client{Transport: Around(ts.Client().Transport)}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return heard.count - before
	}
	if count() != 0 {
		t.Error("a stranger's answer is judged")
	}
	defer Serves(strings.TrimPrefix(ts.URL, "http://"))()
	if count() != 1 {
		t.Error("an answer of ours is not judged")
	}
}
