package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// TestTheTokensOfAnOpenIDProviderOpenWhatTheySay has a provider give tokens to a client
// of its own, which uploads with one and reads.
func TestTheTokensOfAnOpenIDProviderOpenWhatTheySay(t *testing.T) {
	t.Parallel()
	opensWhatItSays(t, rig.OIDC(t))
}

// TestTheTokensOfAProviderOfAnotherMakingOpenWhatTheySay is the same with a provider that
// has nothing in common with ours nor with the first, and whose tokens are as RFC 9068
// has them.
func TestTheTokensOfAProviderOfAnotherMakingOpenWhatTheySay(t *testing.T) {
	t.Parallel()
	opensWhatItSays(t, rig.OtherOIDC(t), "IMGD_AUTH_TYP=at+jwt")
}

func opensWhatItSays(t *testing.T, p rig.Provider, env ...string) {
	t.Helper()
	site := rig.NewSite(t, shipped, append(env, "IMGD_AUTH_OIDC_ISSUERS="+p.Issuer, "IMGD_AUTH_AUDIENCE="+p.Audience)...)
	c := caller.At(site.Start(t, "serve").URL)
	both, reads := p.Token(t, "images:read", "images:write"), p.Token(t, "images:read")
	small, err := scene.JPEG(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	body, form := caller.Form(small, "small.jpg")
	ask := func(method, path, token string, want int) caller.Answer {
		t.Helper()
		var header []string
		if token != "" {
			header = []string{"Authorization", "Bearer " + token}
		}
		a, err := c.Do(t.Context(), method, path, form, body, header...)
		if err != nil || a.Status != want {
			t.Fatalf("%s %s = %d %s, %v; want %d", method, path, a.Status, a.Body, err, want)
		}
		return a
	}
	ask("POST", "/v1/images", "", http.StatusUnauthorized)
	ask("POST", "/v1/images", both[:len(both)-8]+"AAAAAAAA", http.StatusUnauthorized)
	ask("POST", "/v1/images", reads, http.StatusForbidden)
	var j caller.Job
	if err := json.Unmarshal(ask("POST", "/v1/images", both, http.StatusAccepted).Body, &j); err != nil {
		t.Fatal(err)
	}
	body = nil
	for deadline := time.Now().Add(30 * time.Second); j.State != "succeeded"; {
		if time.Now().After(deadline) || j.State == "failed" {
			t.Fatalf("the job is %s", j.State)
		}
		if err := json.Unmarshal(ask("GET", "/v1/jobs/"+j.ID+"?wait=5", reads, http.StatusOK).Body, &j); err != nil {
			t.Fatal(err)
		}
	}
	ask("GET", "/v1/images/"+j.ImageID+"/variants/thumbnail", reads, http.StatusOK)
	ask("GET", "/v1/images/"+j.ImageID+"/variants/thumbnail", "", http.StatusUnauthorized)
	var image struct{ Owner string }
	if err := json.Unmarshal(ask("GET", "/v1/images/"+j.ImageID, reads, http.StatusOK).Body, &image); err != nil || image.Owner == "" {
		t.Errorf("the image's owner is %q, %v", image.Owner, err)
	}

	other := caller.At(rig.NewSite(t, shipped, "IMGD_AUTH_OIDC_ISSUERS="+p.Issuer, "IMGD_AUTH_AUDIENCE=another").Start(t, "api").URL)
	a, err := other.Do(t.Context(), "GET", "/v1/images", "", nil, "Authorization", "Bearer "+both)
	if err != nil || a.Status != http.StatusUnauthorized || a.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		t.Errorf("at a service of another audience the token is answered %d with %q, %v", a.Status, a.Header.Get("WWW-Authenticate"), err)
	}
}

// TestAServiceStartsWithoutItsProvider and says of its tokens that it cannot tell; and
// it takes another issuer at SIGHUP.
func TestAServiceStartsWithoutItsProvider(t *testing.T) {
	t.Parallel()
	server, p := rig.NewOIDC(t)
	token := p.Token(t, "images:read")
	server.Kill9()
	file := filepath.Join(t.TempDir(), "issuers.yaml")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	put("issuers:\n- issuer: https://nobody.invalid\n  tenant_prefix: t-\n")
	secret := "IMGD_AUTH_HS256_SECRET=" + strings.Repeat("s3cret", 8)
	imgd := rig.NewSite(t, shipped, secret, "IMGD_AUTH_ISSUERS="+file).Start(t, "api")
	admin := minted(t, secret, "images:admin")
	c := caller.At(imgd.URL)
	answered := func(token string, want int, tries int) {
		t.Helper()
		var a caller.Answer
		var err error
		for range tries {
			if a, err = c.Do(t.Context(), "GET", "/v1/images", "", nil, "Authorization", "Bearer "+token); err == nil && a.Status == want {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Fatalf("the answer is %d %s, %v; want %d", a.Status, a.Body, err, want)
	}
	answered(token, http.StatusUnauthorized, 1) // of an issuer that nobody knows
	put("issuers:\n- issuer: " + p.Issuer + "\n  audience: " + p.Audience + "\n  tenant_prefix: t-\n")
	if err := syscall.Kill(imgd.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	issuers := func() check {
		return checkOf(t, get(t, imgd.URL+"/readyz?verbose", "Authorization", "Bearer "+admin), "issuers")
	}
	if c := issuers(); c.State != "unknown" || c.LatencyMS != nil {
		t.Errorf("issuers that nobody had to ask are %+v", c)
	}
	answered(token, http.StatusServiceUnavailable, 50)
	eventually(t, "told that issuers are away", func() bool { return issuers().State == "down" })
	if a := get(t, imgd.URL+"/readyz"); a.status != http.StatusOK || !strings.Contains(string(a.body), "degraded") {
		t.Errorf("without its provider readiness is %d %s, want degraded", a.status, a.body)
	}
	if a := get(t, imgd.URL+"/readyz?verbose", "Authorization", "Bearer "+admin); a.status != http.StatusOK {
		t.Errorf("verbose readiness is %d %s", a.status, a.body)
	}
}
