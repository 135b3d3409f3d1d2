//go:build !race

// It asks a hundred thousand times in one goroutine: the race detector has nothing to find.

package rest_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"imgd/adapters/rest"
	"imgd/adapters/telemetry"
)

func TestCallersCannotMakeSeries(t *testing.T) {
	m := telemetry.NewMetrics()
	s := open(t, func(s *rest.Server) {
		s.Observe, s.Metrics, s.Log = m.Request, m.Handler(), slog.New(slog.DiscardHandler)
	})
	handler, err := s.server.Handler()
	if err != nil {
		t.Fatal(err)
	}
	bearer := authorization(t, "Bearer admin")
	dice := rand.New(rand.NewPCG(1, 2)) // #nosec G404 -- the same addresses each time
	words := []string{"v1", "images", "jobs", "variants", "original", "problems", "livez", "docs", "events", nobody}
	methods := []string{"GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"}
	for i := range 100_000 {
		var b strings.Builder
		for range 1 + dice.IntN(4) {
			b.WriteByte('/')
			if dice.IntN(3) > 0 {
				b.WriteString(words[dice.IntN(len(words))])
			} else {
				fmt.Fprintf(&b, "%x", dice.Uint32())
			}
		}
		if dice.IntN(4) == 0 {
			fmt.Fprintf(&b, "?%x=%x", dice.Uint32(), dice.Uint32())
		}
		method := methods[dice.IntN(len(methods))]
		if i%100 == 0 {
			method = fmt.Sprintf("M%X", dice.Uint32())
		}
		r := httptest.NewRequestWithContext(t.Context(), method, b.String(), nil)
		if i%50 == 0 {
			r.Header.Set("Authorization", bearer)
		}
		handler.ServeHTTP(&discard{h: http.Header{}}, r)
	}
	text := string(s.get(t, "/metrics", "Authorization", "Bearer admin").want(t, 200).body)
	series := 0
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			series++
		}
	}
	if series > 2000 || series < 100 {
		t.Errorf("there are %d series after 100,000 random addresses, want 2000 at most", series)
	}
	t.Logf("%d series", series)
}

// discard is a writer of answers nobody reads.
type discard struct{ h http.Header }

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }
