package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"go.opentelemetry.io/otel"

	"imgd/adapters/telemetry"
)

// What OpenTelemetry has to say is a line of the log like any other.
func TestTroubleWithTracesIsALineOfTheLog(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	var out bytes.Buffer
	stop, err := telemetry.Traces(t.Context(), slog.New(slog.NewJSONHandler(&out, nil)), "v1", "a", "serve")
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t.Context()) //nolint:errcheck // nobody collects, and no span was made
	otel.Handle(errors.New("no collector"))
	var line struct{ Level, Msg, Err string }
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != "WARN" || line.Err != "no collector" || line.Msg == "" {
		t.Errorf("the log has %q (%v)", &out, err)
	}
}
