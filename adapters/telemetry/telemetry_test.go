package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"imgd/adapters/telemetry"
)

type key struct{}

func TestEveryLineOfARequestCarriesItsID(t *testing.T) {
	var out bytes.Buffer
	log := telemetry.NewLog(&out, false, slog.LevelInfo, func(ctx context.Context) string { id, _ := ctx.Value(key{}).(string); return id })
	ctx := context.WithValue(t.Context(), key{}, "abc")
	log.With("a", 1).WithGroup("g").InfoContext(ctx, "line\nwith a break", "b", "x\ny")
	log.InfoContext(t.Context(), "no request")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("two records are %d lines: %q", len(lines), out.String())
	}
	var first, second map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &first); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(lines[1]), &second); err != nil {
		t.Fatal(err)
	}
	if g, _ := first["g"].(map[string]any); g["correlation_id"] != "abc" {
		t.Errorf("the first line is %v, want the id abc in it", first)
	}
	if _, ok := second["correlation_id"]; ok {
		t.Errorf("the second line is %v, want no id in it", second)
	}
}

func TestAScrapeShowsWhatWasCounted(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Request("/v1/images/{image_id}", "GET", 404, 3*time.Millisecond)
	m.Request("", "INVENTED", 405, time.Millisecond)
	m.GaugeFunc("imgd_test_depth", "A test.", func() float64 { return 7 })
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		`imgd_http_request_duration_seconds_count{method="GET",route="/v1/images/{image_id}",status="404"} 1`,
		`route="",status="405"`, `method="other"`, "imgd_test_depth 7", "go_goroutines", "process_resident_memory_bytes",
	} {
		if !strings.Contains(rec.Body.String(), want) {
			t.Errorf("the scrape lacks %s", want)
		}
	}
}
