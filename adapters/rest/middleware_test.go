package rest_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"imgd"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/ports"
)

func TestACorrelationIDComesBackOrIsReplaced(t *testing.T) {
	s := open(t)
	for sent, kept := range map[string]bool{
		"abc-1.2_3": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a b": false, `a"b`: false, "": false, "<script>": false,
	} {
		got := s.get(t, "/livez", "X-Correlation-ID", sent).want(t, 200).Header.Get("X-Correlation-ID")
		if kept != (got == sent) || got == "" {
			t.Errorf("for %q the answer has %q, want it kept: %v", sent, got, kept)
		}
	}
}

func TestTheCorrelationIDReachesTheJobAndTheAuditTrail(t *testing.T) {
	s := open(t)
	a := s.ask(t, "POST", "/v1/images", []byte("FAKE 4x3 x"), "Content-Type", "image/png", "X-Correlation-ID", "from-me",
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").want(t, 202)
	j := read[job](t, a)
	events := read[page[struct {
		CorrelationID string `json:"correlation_id"`
	}]](t, s.get(t, "/v1/images/"+j.ImageID+"/events").want(t, 200))
	for _, e := range events.Items {
		if e.CorrelationID != "from-me" {
			t.Errorf("an event has the correlation id %q, want from-me", e.CorrelationID)
		}
	}
	row, err := s.Library.Job(t.Context(), tokens["ann"], core.ID(j.ID), 0)
	if err != nil || row.Traceparent != "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" || row.CorrelationID != "from-me" {
		t.Errorf("the job has traceparent %q and correlation id %q, %v", row.Traceparent, row.CorrelationID, err)
	}
}

func TestEachAnswerIsALineOfTheLogAndAnObservation(t *testing.T) {
	type seen struct {
		route, method string
		status        int
	}
	var observed []seen
	s := open(t, func(s *rest.Server) {
		s.Observe = func(route, method string, status int, _ time.Duration) {
			observed = append(observed, seen{route, method, status})
		}
	})
	s.get(t, "/v1/images/"+nobody).want(t, 404)
	s.get(t, "/nothing%0Ahere%00%1b[31m").want(t, 404)
	want := []seen{{"GET /v1/images/{image_id}", "GET", 404}, {"", "GET", 404}}
	if len(observed) != 2 || observed[0] != want[0] || observed[1] != want[1] {
		t.Errorf("observed %v, want %v", observed, want)
	}
	line := s.logs.all(t)[0]
	if line["route"] != "GET /v1/images/{image_id}" || line["status"] != 404.0 || line["problem"] != "not-found" || line["subject"] != "ann" || line["tenant"] != "acme" || line["level"] != "INFO" {
		t.Errorf("the log says %v", line)
	}
}

func TestCausesAreForTheLogAndNotForStrangers(t *testing.T) {
	for name, cause := range map[string]error{
		"unclassified": errors.New("cable pulled out of 10.0.0.7: SELECT * FROM images"),
		"internal":     core.Internal.Errorf("cable pulled out of 10.0.0.7: SELECT 1"),
		"classified":   core.Unavailable.Errorf("the store does not answer; try again").Because(errors.New("cable pulled: SELECT 2")),
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			j := s.upload(t, "x")
			s.Deliver.Blobs = broken{s.Blobs, cause}
			a := s.get(t, "/v1/images/"+j.ImageID+"/original") // the transport looks for denied words
			if a.StatusCode < 500 {
				t.Errorf("got %d, want a mistake of ours", a.StatusCode)
			}
			if wait := a.Header.Get("Retry-After"); (a.StatusCode == 503) != (wait != "") {
				t.Errorf("a %d has Retry-After %q", a.StatusCode, wait)
			}
			lines := s.logs.all(t)
			if line := lines[len(lines)-1]; !strings.Contains(line["error"].(string), "cable pulled") || line["level"] != "ERROR" {
				t.Errorf("the log does not tell the cause: %v", line)
			}
		})
	}
}

// broken opens nothing.
type broken struct {
	ports.Blobs
	err error
}

func (b broken) Open(context.Context, string) (*ports.Blob, error) { return nil, b.err }

func TestAPanicIsAMistakeOfOursAndTheServerLives(t *testing.T) {
	s := open(t)
	s.server.Library.Images = nil // a nil interface is called
	a := s.get(t, "/v1/images/"+nobody).want(t, 500)
	if a.slug() != "internal" {
		t.Errorf("a panic is %s", a.slug())
	}
	lines := s.logs.all(t)
	if line := lines[len(lines)-1]; !strings.Contains(line["error"].(string), "panic") {
		t.Errorf("the log does not tell the panic: %v", line)
	}
	s.get(t, "/livez").want(t, 200)
}

func TestPagesAreMountedBehindTheMiddleware(t *testing.T) {
	s := open(t, func(s *rest.Server) {
		s.Pages = map[string]http.Handler{"GET /docs/": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, rest.CorrelationID(r.Context()))
		})}
	})
	a := s.get(t, "/docs/", "Authorization", "", "X-Correlation-ID", "page-1").want(t, 200)
	if string(a.body) != "page-1" {
		t.Errorf("the page sees the correlation id %q, want page-1", a.body)
	}
}

func TestWithoutAuthenticationEverybodyIsTheLocalAdministrator(t *testing.T) {
	s := open(t, func(s *rest.Server) { s.Tokens = nil })
	a := s.ask(t, "POST", "/v1/images", []byte("FAKE 4x3 x"), "Content-Type", "image/png", "Authorization", "").want(t, 202)
	if m := read[job](t, a).Image; m.Owner != "local" {
		t.Errorf("the owner is %q, want local", m.Owner)
	}
}

func TestTheOperatorsListenerHasNoAPI(t *testing.T) {
	server := &rest.Server{
		Capabilities: func() core.Capabilities { return core.Capabilities{Library: "lib 1"} }, NewID: func() string { return "id" },
		Log: slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "up 1\n")
		}),
	}
	h, err := server.OpsHandler()
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(h)
	defer ts.Close()
	s := &street{url: ts.URL, client: &http.Client{Transport: held{t, ts.Client().Transport}}}
	for _, path := range []string{"/livez", "/readyz", "/readyz?verbose", "/version", "/metrics"} {
		s.get(t, path).want(t, 200)
	}
	bare := &street{url: ts.URL, client: ts.Client()}
	for _, path := range []string{"/v1/images", "/openapi.json", "/problems/internal"} {
		if a := bare.get(t, path).want(t, 404); a.slug() != "not-found" {
			t.Errorf("%s is %s", path, a.body)
		}
	}
	if got := string(s.get(t, "/metrics").body); got != "up 1\n" {
		t.Errorf("metrics are %q", got)
	}
}

func TestWithoutAHandlerMetricsAreNotThere(t *testing.T) {
	open(t).get(t, "/metrics").want(t, 404)
}

func TestDocumentsAndPages(t *testing.T) {
	s := open(t)
	yaml := s.get(t, "/openapi.yaml", "Authorization", "").want(t, 200)
	if string(yaml.body) != string(imgd.OpenAPI) {
		t.Error("/openapi.yaml is not openapi.yaml")
	}
	doc, err := openapi3.NewLoader().LoadFromData(s.get(t, "/openapi.json", "Authorization", "").want(t, 200).body)
	if err != nil || doc.OpenAPI != "3.1.0" || doc.Paths.Value("/v1/images").Post.OperationID != "uploadImage" {
		t.Errorf("/openapi.json is not the contract: %v", err)
	}
	for _, slug := range core.Slugs() {
		a := s.get(t, "/problems/"+string(slug), "Authorization", "").want(t, 200)
		if !strings.Contains(string(a.body), "<code>"+string(slug)+"</code>") || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") || a.Header.Get("Content-Security-Policy") == "" {
			t.Errorf("the page of %s is %.200s", slug, a.body)
		}
	}
	v := read[map[string]string](t, s.get(t, "/version", "Authorization", "").want(t, 200))
	if v["version"] != "v1.2.3" || v["revision"] != "abc" || !strings.HasPrefix(v["go"], "go1.") {
		t.Errorf("the version is %v", v)
	}
}
