package e2e

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// span is what a process told the collector of a piece of its work.
type span struct {
	name, trace, id, parent string
	role                    string // of the process
}

// spans collects what processes send by OTLP over HTTP.
type spans struct {
	*httptest.Server
	mu   sync.Mutex
	list []span
}

func collect(t *testing.T) *spans {
	t.Helper()
	c := &spans{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err == nil {
			err = proto.Unmarshal(body, &sent)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s came with %v", r.URL.Path, err)
		}
		c.take(&sent)
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *spans) take(sent *collector.ExportTraceServiceRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, process := range sent.ResourceSpans {
		role := ""
		for _, a := range process.Resource.Attributes {
			if a.Key == "imgd.role" {
				role = a.Value.GetStringValue()
			}
		}
		for _, scope := range process.ScopeSpans {
			for _, s := range scope.Spans {
				c.list = append(c.list, span{s.Name, hex.EncodeToString(s.TraceId), hex.EncodeToString(s.SpanId), hex.EncodeToString(s.ParentSpanId), role})
			}
		}
	}
}

// of are the spans of a trace by their ids.
func (c *spans) of(trace string) map[string]span {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]span{}
	for _, s := range c.list {
		if s.trace == trace {
			found[s.id] = s
		}
	}
	return found
}

func named(list map[string]span, role, name string) bool {
	for _, s := range list {
		if s.role == role && s.name == name {
			return true
		}
	}
	return false
}

func TestAnUploadIsOneTraceThroughTheAPIAndAWorker(t *testing.T) {
	const trace, caller = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	c := collect(t)
	site := rig.NewSite(t, shipped, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50")
	api, worker := site.Start(t, "api"), site.Start(t, "worker")
	file, err := scene.JPEG(300, 200)
	if err != nil {
		t.Fatal(err)
	}
	a := postForm(t, api.URL, file, "a.jpg", "traceparent", "00-"+trace+"-"+caller+"-01", "X-Correlation-ID", "of-the-caller")
	j := decode[job](t, a)
	if !regexp.MustCompile(`^total;dur=[\d.]+, .*(decoder|storage|database);dur=[\d.]+`).MatchString(a.header.Get("Server-Timing")) {
		t.Errorf("Server-Timing of the upload says %q", a.header.Get("Server-Timing"))
	}
	eventually(t, "the job done", func() bool { return read[job](t, api.URL+"/v1/jobs/"+j.ID).State == "succeeded" })

	if says := get(t, api.URL+"/v1/images/"+j.ImageID+"/variants/thumbnail").header.Get("Server-Timing"); !strings.Contains(says, "storage;dur=") {
		t.Errorf("Server-Timing of a variant says %q", says)
	}
	if says := get(t, api.URL+"/v1/images/"+j.ImageID+"/variants/none").header.Get("Server-Timing"); says != "" {
		t.Errorf("Server-Timing of what is not there says %q", says)
	}

	var list map[string]span
	eventually(t, "the spans of both processes", func() bool {
		list = c.of(trace)
		return named(list, "api", "POST /v1/images") && named(list, "worker", "job")
	})
	for _, want := range []struct{ role, name string }{
		{"api", "decoder probe"}, {"api", "storage create"}, {"api", "database write"}, {"api", "hints push"},
		{"worker", "storage open"}, {"worker", "decoder render"}, {"worker", "storage create"}, {"worker", "database write"},
	} {
		if !named(list, want.role, want.name) {
			t.Errorf("the trace lacks the span %q of the %s", want.name, want.role)
		}
	}
	for _, s := range list {
		if _, ok := list[s.parent]; !ok && s.parent != caller {
			t.Errorf("the span %q of the %s hangs in the air", s.name, s.role)
		}
	}
	if t.Failed() {
		t.Logf("%+v", list)
	}

	for role, p := range map[string]*rig.Process{"api": api, "worker": worker} {
		oneStory(t, role, p.Log(), "of-the-caller", trace, j.ID)
	}
	for _, e := range read[struct {
		Items []struct {
			Type        string
			Correlation string `json:"correlation_id"`
		}
	}](t, api.URL+"/v1/images/"+j.ImageID+"/events").Items {
		if e.Correlation != "of-the-caller" {
			t.Errorf("the event %s has the correlation id %q, want the caller's", e.Type, e.Correlation)
		}
	}
	before := func(p *rig.Process, series string) bool { return moved(get(t, p.URL+"/metrics").body, series) }
	for _, series := range []string{`imgd_http_request_duration_seconds_count{method="POST",route="POST /v1/images",status="202"}`,
		`imgd_storage_operation_duration_seconds_count{operation="create",outcome="ok"}`, `imgd_database_transaction_duration_seconds_count{operation="write",outcome="ok"}`,
		`imgd_hint_operation_duration_seconds_count{operation="push",outcome="ok"}`, `imgd_decoder_call_duration_seconds_count{operation="probe",outcome="ok"}`} {
		if !before(api, series) {
			t.Errorf("the API did not count %s", series)
		}
	}
	for _, series := range []string{`imgd_job_attempts_total{outcome="succeeded"}`, `imgd_job_claim_duration_seconds_count{outcome="ok"}`, "imgd_job_queue_seconds_count",
		"imgd_job_run_seconds_count", "imgd_job_cpu_seconds_count", `imgd_render_duration_seconds_count{content_type="image/jpeg"}`,
		`imgd_variants_total{content_type="image/webp",state="ready"}`, `imgd_variant_bytes_total{content_type="image/webp"}`, `imgd_storage_bytes_total{direction="out"}`} {
		if !before(worker, series) {
			t.Errorf("the worker did not count %s", series)
		}
	}
	if body := get(t, api.URL+"/metrics", "Accept", "application/openmetrics-text").body; !bytes.Contains(body, []byte(`trace_id="`+trace+`"`)) {
		t.Error("no histogram of the API has the trace as its example")
	}
}

// moved reports whether a scrape shows the series with more than zero.
func moved(scrape []byte, series string) bool {
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindSubmatch(scrape)
	return m != nil && string(m[1]) != "0"
}

// oneStory checks that a log speaks of a request, and that every line which belongs to
// its trace or its job carries its correlation id.
func oneStory(t *testing.T, role, log, correlation, trace, job string) {
	t.Helper()
	both := 0
	for line := range strings.Lines(log) {
		var l struct {
			Msg         string
			Correlation string `json:"correlation_id"`
			Trace       string `json:"trace_id"`
			Job         string `json:"job_id"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil && strings.HasSuffix(line, "\n") { // else it is being written
			t.Errorf("a line of the %s is no JSON (%v): %s", role, err, line)
		}
		if (l.Trace == trace || l.Job == job) && l.Correlation != correlation {
			t.Errorf("the line %q of the %s carries the correlation id %q, want %q", l.Msg, role, l.Correlation, correlation)
		}
		if l.Correlation == correlation && l.Trace == trace {
			both++
		}
	}
	if both == 0 {
		t.Errorf("no line of the %s carries the correlation id %s and the trace:\n%s", role, correlation, log)
	}
}

// A collector that is away costs nobody anything but its spans, and what OpenTelemetry
// says of it is JSON like the rest.
func TestWithoutItsCollectorAServiceGoesOn(t *testing.T) {
	c := collect(t)
	c.Close()
	p := rig.NewSite(t, shipped, "OTEL_EXPORTER_OTLP_ENDPOINT="+c.URL, "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf", "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_EXPORTER_OTLP_TIMEOUT=500").Start(t, "serve")
	small, err := scene.JPEG(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	a := postForm(t, p.URL, small, "a.jpg")
	j := decode[job](t, a)
	if done := finished(t, p.URL, j.ID, 30*time.Second); done.State != "succeeded" {
		t.Errorf("the job is %s", done.State)
	}
	eventually(t, "told that spans are lost", func() bool { return strings.Contains(p.Log(), "spans are lost") })
	for line := range strings.Lines(p.Log()) {
		if strings.HasSuffix(line, "\n") && !json.Valid([]byte(line)) {
			t.Errorf("this line of the log is no JSON: %s", line)
		}
	}
	if made := a.header.Get("X-Correlation-ID"); strings.Count(p.Log(), `"correlation_id":"`+made+`"`) < 2 {
		t.Errorf("the correlation id %q that the service made up is not in the log of the request and of its job", made)
	}
}
