package e2e

import (
	"net/http"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// BenchmarkTurns measures D16: how long one tenant's single job takes alone, and while
// ten thousand (IMGD_BENCH_QUEUED) of another tenant are before it in the queue.
func BenchmarkTurns(b *testing.B) {
	many := 10_000
	if n, err := strconv.Atoi(os.Getenv("IMGD_BENCH_QUEUED")); err == nil {
		many = n
	}
	small, err := scene.JPEG(640, 480)
	if err != nil {
		b.Fatal(err)
	}
	p := rig.NewSite(b, shipped, tokenSecret, "IMGD_UPLOAD_RATE=off", "IMGD_QUEUE_WAIT=0s", "IMGD_LOG_LEVEL=warn").Start(b, "serve")
	c := caller.At(p.URL)
	body, media := caller.Form(small, "small.jpg")
	send := func(who []string, header ...string) {
		a, err := c.Do(b.Context(), http.MethodPost, "/v1/images", media, body, slices.Concat(who, header)...)
		if err != nil || a.Status != http.StatusAccepted && a.Status != http.StatusCreated {
			b.Fatalf("an upload was answered %d %s, %v", a.Status, a.Body, err)
		}
	}
	acme, globex := tokenOf(b, "acme", "ann", "images:write"), tokenOf(b, "globex", "gus", "images:read,images:write")
	p95 := func() time.Duration {
		var took []time.Duration
		for range b.N {
			began := time.Now()
			send(globex, "Prefer", "wait=30")
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		return took[len(took)*95/100]
	}
	send(globex, "Prefer", "wait=30") // a warm decoder
	alone := p95()
	for range many {
		send(acme)
	}
	among := p95()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(alone.Seconds()*1000, "ms-p95-alone")
	b.ReportMetric(among.Seconds()*1000, "ms-p95-among")
	b.ReportMetric(among.Seconds()/alone.Seconds(), "times")
}
