package e2e

import (
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/point"
	"imgd/e2e/rig"
)

// outside is a decision point at an address that stays, while it comes and goes.
type outside struct {
	point.Point
	address string
	server  *http.Server
}

func (o *outside) up(t *testing.T) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", o.address)
	if err != nil {
		t.Fatal(err)
	}
	o.address, o.server = l.Addr().String(), &http.Server{Handler: &o.Point, ReadHeaderTimeout: time.Second}
	go func(s *http.Server) { _ = s.Serve(l) }(o.server) // ends with down
}

func (o *outside) down() { _ = o.server.Close() }

// speaking is the header with a token of acme for a subject, which the binary signs.
func speaking(t *testing.T, subject, scopes string) []string {
	t.Helper()
	return tokenOf(t, "acme", subject, scopes)
}

func tokenOf(t testing.TB, tenant, subject, scopes string) []string {
	t.Helper()
	cmd := exec.Command(shipped, "token", "--tenant", tenant, "--sub", subject, "--scope", scopes) // #nosec G204 -- the binary of this test
	cmd.Env, cmd.Dir = []string{"HOME=" + t.TempDir(), tokenSecret}, t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + strings.TrimSpace(string(out))}
}

// TestADecisionPointNarrowsWhatIsAllowed has one say yes, then no, go away and come
// back, and looks for what it refused in the audit trail.
func TestADecisionPointNarrowsWhatIsAllowed(t *testing.T) {
	t.Parallel()
	decides := &outside{address: "127.0.0.1:0"}
	decides.up(t)
	t.Cleanup(func() { decides.down() })
	site := rig.NewSite(t, shipped, tokenSecret, "IMGD_POLICY_URL=http://"+decides.address, "IMGD_POLICY_TIMEOUT=500ms", "IMGD_POLICY_ALLOW=0s", "IMGD_POLICY_DENY=0s")
	p := site.Start(t, "serve")
	c := caller.At(p.URL)
	ann, eve := speaking(t, "ann", "images:read,images:write"), speaking(t, "eve", "images:admin")
	as := func(who []string, method, path string, want int) caller.Answer {
		t.Helper()
		a, err := c.Do(t.Context(), method, path, "", nil, who...)
		if err != nil || a.Status != want {
			t.Fatalf("%s %s = %d %s, %v; want %d", method, path, a.Status, a.Body, err, want)
		}
		return a
	}
	body, media := caller.Form(quarters(t), "quarters.png")
	upload := func(want int) caller.Answer {
		t.Helper()
		a, err := c.Do(t.Context(), "POST", "/v1/images", media, body, append(ann, "Prefer", "wait=30")...)
		if err != nil || a.Status != want {
			t.Fatalf("an upload = %d %s, %v; want %d", a.Status, a.Body, err, want)
		}
		return a
	}
	var j caller.Job
	if err := json.Unmarshal(upload(http.StatusCreated).Body, &j); err != nil {
		t.Fatal(err)
	}
	image := "/v1/images/" + j.ImageID
	as(ann, "GET", image, http.StatusOK)
	as(ann, "GET", image+"/variants/thumbnail", http.StatusOK)

	decides.Deny("read image", "create bucket")
	denied, never := as(ann, "GET", image, http.StatusNotFound), as(ann, "GET", "/v1/images/0198c0de-0000-7000-8000-000000000000", http.StatusNotFound)
	if a, b := unnamed(t, denied), unnamed(t, never); a != b {
		t.Errorf("what the policy hides is\n%s\nand what never was\n%s", a, b)
	}
	for range 200 {
		as(ann, "GET", image+"/variants/thumbnail", http.StatusNotFound)
	}
	upload(http.StatusForbidden)

	decides.Deny()
	as(ann, "GET", image, http.StatusOK)
	if got := refusedSoFar(t, c, eve, 2); got["getImage"].Times != 0 || got["getVariant"].Answer != "not-found" || got["getVariant"].Times != 0 {
		t.Errorf("the trail has %+v, want one of the image and one of its variant", got)
	}

	decides.down()
	for range 8 { // the breaker opens meanwhile
		if a := as(ann, "GET", image, http.StatusServiceUnavailable); a.Header.Get("Retry-After") == "" {
			t.Errorf("without a decision there is no Retry-After: %s", a.Body)
		}
	}
	upload(http.StatusServiceUnavailable)
	as(ann, "GET", "/v1/images", http.StatusServiceUnavailable)
	as(nil, "GET", "/readyz", http.StatusOK)
	decides.up(t)
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		a, err := c.Do(t.Context(), "GET", image, "", nil, ann...)
		if err == nil && a.Status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("20 s after it is back the image is answered %d %s, %v", a.Status, a.Body, err)
		}
	}

	p.Term(t)
	if err := p.Wait(t, 30*time.Second); err != nil {
		t.Errorf("it ended with %v", err)
	}
	c = caller.At(site.Start(t, "serve").URL)
	if got := refusedSoFar(t, c, eve, 3); got["getVariant"].Times != 199 {
		t.Errorf("after the end the trail has %+v, want one more that counts the 199 others", got)
	}

	as(ann, "DELETE", image, http.StatusNoContent)
	decides.Deny("delete image")
	as(ann, "DELETE", image, http.StatusNotFound)
	decides.Deny()
	as(ann, "DELETE", image, http.StatusNoContent)
	if got := refusedSoFar(t, c, eve, 4); got["deleteImage"].Answer != "not-found" {
		t.Errorf("the trail has %+v, want the refusal to delete a tombstone", got)
	}
}

// unnamed is a problem without what names its request.
func unnamed(t *testing.T, a caller.Answer) string {
	t.Helper()
	var p map[string]any
	if err := json.Unmarshal(a.Body, &p); err != nil {
		t.Fatal(err)
	}
	delete(p, "instance")
	delete(p, "correlation_id")
	text, _ := json.Marshal(p)
	return string(text)
}

type counted struct {
	Operation, Answer string
	Times             int
}

// refusedSoFar are those in the trail, the oldest last, by their operation. One that was
// hidden is there a moment later.
func refusedSoFar(t *testing.T, c *caller.Caller, admin []string, want int) map[string]counted {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		a, err := c.Do(t.Context(), "GET", "/v1/events?type=access.refused&limit=200", "", nil, admin...)
		if err != nil || a.Status != http.StatusOK {
			t.Fatalf("the trail = %d %s, %v", a.Status, a.Body, err)
		}
		var page struct{ Items []struct{ Detail counted } }
		if err := json.Unmarshal(a.Body, &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Items) != want && time.Now().Before(deadline) {
			continue
		}
		if len(page.Items) != want {
			t.Fatalf("there are %d refusals in the trail, want %d: %s", len(page.Items), want, a.Body)
		}
		newest := map[string]counted{}
		for _, e := range page.Items {
			if _, later := newest[e.Detail.Operation]; !later {
				newest[e.Detail.Operation] = e.Detail
			}
		}
		return newest
	}
}
