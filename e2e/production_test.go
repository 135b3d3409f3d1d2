package e2e

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

func TestTheProductionStackServesTheSameAPI(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, shipped)
	api, one := site.Start(t, "api"), site.Start(t, "worker")
	small, err := scene.JPEG(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	j := upload(t, api.URL, small, "small.jpg")
	done := finished(t, api.URL, j.ID, 30*time.Second)
	if done.State != "succeeded" {
		t.Fatalf("the job is %s (%+v)", done.State, done.Error)
	}
	checkVariants(t, api.URL, j.ImageID)
	for role, p := range map[string]*rig.Process{"api": api, "worker": one} {
		ready := get(t, p.URL+"/readyz?verbose")
		for _, part := range []string{"database", "decoder", "sweeper", "store", "redis"} {
			if c := checkOf(t, ready, part); !c.OK || c.State != "up" || c.LatencyMS == nil || (c.Breaker == "closed") != (part == "store") {
				t.Errorf("the %s of a whole stack is %+v to the %s, want up, the store behind a closed breaker", part, c, role)
			}
		}
		for _, setting := range site.Env { // of addresses, passwords, buckets
			_, value, _ := strings.Cut(setting, "=")
			u, err := url.Parse(value)
			if err == nil && u.Host != "" && bytes.Contains(ready.body, []byte(u.Host)) {
				t.Errorf("readiness tells of %s: %s", u.Host, ready.body)
			}
		}
	}
}

// check is what verbose readiness says of a part.
type check struct {
	Name, State, Breaker string
	OK                   bool
	LatencyMS            *float64 `json:"latency_ms"`
}

func checkOf(t *testing.T, ready answer, part string) check {
	t.Helper()
	for _, c := range decode[struct{ Checks []check }](t, ready).Checks {
		if c.Name == part {
			return c
		}
	}
	t.Fatalf("readiness says nothing of the %s: %s", part, ready.body)
	return check{}
}
