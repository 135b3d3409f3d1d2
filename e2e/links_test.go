package e2e

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
)

const (
	tokenSecret = "IMGD_AUTH_HS256_SECRET=0123456789abcdef0123456789abcdef"
	firstKey    = "first:0123456789abcdef0123456789abcdef"
	secondKey   = "second:fedcba9876543210fedcba9876543210"
)

// bearer is the header with a token for tenant acme, which the binary signs.
func bearer(t testing.TB) []string {
	t.Helper()
	cmd := exec.Command(shipped, "token", "--tenant", "acme", "--sub", "ann") // #nosec G204 -- the binary of this test
	cmd.Env, cmd.Dir = []string{"HOME=" + t.TempDir(), tokenSecret}, t.TempDir()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return []string{"Authorization", "Bearer " + strings.TrimSpace(string(out))}
}

// corners are the colours of a picture's quarters: top left, top right, and below.
var corners = [4]color.RGBA{{200, 0, 0, 255}, {0, 160, 0, 255}, {0, 0, 220, 255}, {230, 210, 0, 255}}

// quarters is a picture of four colours.
func quarters(t testing.TB) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, 400, 300))
	for y := range 300 {
		for x := range 400 {
			m.SetRGBA(x, y, corners[y/150*2+x/200])
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shown uploads the picture of four colours into a bucket, and returns the path of its
// variant view, 200 pixels wide.
func shown(t testing.TB, site, bucket string, token []string) (path string) {
	t.Helper()
	body, media := form(quarters(t), "quarters.png", "bucket", bucket, "variants", `{"view":"w=200,fmt=png"}`)
	a := ask(t, http.MethodPost, site+"/v1/images", body.Bytes(), append(token, "Content-Type", media, "Prefer", "wait=30")...)
	if a.status != http.StatusCreated {
		t.Fatalf("the upload is answered %d: %s", a.status, a.body)
	}
	return "/v1/images/" + decode[job](t, a).ImageID + "/variants/view"
}

func ask(t testing.TB, method, url string, body []byte, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	a, err := send(req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// signed makes a link to the variant at a path.
func signed(t testing.TB, site, path string, token []string, more string) string {
	t.Helper()
	image, name, _ := strings.Cut(path, "/variants/")
	a := ask(t, http.MethodPost, site+image+"/links", fmt.Appendf(nil, `{"variants":[%q]%s}`, name, more), append(token, "Content-Type", "application/json")...)
	if a.status != http.StatusOK {
		t.Fatalf("a link is answered %d: %s", a.status, a.body)
	}
	list := decode[struct{ Items []struct{ URL string } }](t, a).Items
	if len(list) != 1 || !strings.HasPrefix(list[0].URL, site+path+"?") {
		t.Fatalf("the links are %+v", list)
	}
	return list[0].URL
}

func TestABrowserShowsAPrivateVariantByALink(t *testing.T) {
	t.Parallel()
	bucket := rig.S3(t)
	for store, env := range map[string][]string{
		"on disk": nil,
		"on S3": {
			"IMGD_STORAGE_URL=" + bucket.URL(), "AWS_ACCESS_KEY_ID=" + bucket.AccessKey, "AWS_SECRET_ACCESS_KEY=" + bucket.SecretKey,
		},
	} {
		t.Run(store, func(t *testing.T) {
			site := rig.NewSite(t, shipped, append(env, tokenSecret, "IMGD_LINK_KEYS="+firstKey)...)
			url, token := site.Start(t, "serve").URL, bearer(t)
			path := shown(t, url, "default", token)
			link, leading := signed(t, url, path, token, ""), signed(t, url, path, token, `,"redirect":true`)
			page := rig.Browser(t)
			for name, address := range map[string]string{"by a link": link, "by a link that leads to the store": leading} {
				t.Run(name, func(t *testing.T) { seesQuarters(t, look(t, page, address)) })
			}
			t.Run("and not without", func(t *testing.T) {
				if picture := look(t, page, url+path); picture != nil {
					t.Error("the browser shows a private variant that it has no link to")
				}
			})
			t.Run("where a redirect leads", func(t *testing.T) {
				if env == nil {
					if status, to := hop(t, leading); status != http.StatusOK || to != "" {
						t.Errorf("on disk it is %d to %q, want the bytes", status, to)
					}
					return
				}
				leadsToS3(t, bucket, leading, 60)
				leadsToS3(t, bucket, signed(t, url, path, token, `,"redirect":true,"expires_in":7`), 8)
				leadsToS3(t, bucket, url+path+"?redirect=1", 60, token...)
				if status, _ := hop(t, strings.Replace(leading, "&redirect=1", "", 1)); status != http.StatusForbidden {
					t.Errorf("without its redirect the link is %d", status)
				}
			})
		})
	}
}

// look has a browser show an address in a page of another site, and returns what can be
// seen; nil when it shows no picture.
func look(t *testing.T, page context.Context, address string) image.Image {
	t.Helper()
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<body style="margin:0"><img src="%s">`, html.EscapeString(address))
	}))
	defer other.Close()
	if err := chromedp.Do(page, chromedp.Navigate(other.URL)); err != nil {
		t.Fatal(err)
	}
	width, err := chromedp.Run(page, chromedp.Evaluate[int](`document.images[0].naturalWidth`))
	if err != nil {
		t.Fatal(err)
	}
	if width == 0 {
		return nil
	}
	shot, err := chromedp.Run(page, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(shot))
	if err != nil || width != 200 {
		t.Fatalf("the picture is %d wide, want 200 (%v)", width, err)
	}
	return m
}

// seesQuarters looks at the middle of each quarter of a picture 200 pixels wide.
func seesQuarters(t *testing.T, m image.Image) {
	t.Helper()
	if m == nil {
		t.Fatal("the browser shows no picture")
	}
	for i, want := range corners {
		got, _ := color.RGBAModel.Convert(m.At(50+i%2*100, 37+i/2*75)).(color.RGBA)
		for _, d := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
			if d < -3 || d > 3 {
				t.Errorf("quarter %d is %v, want %v", i, got, want)
			}
		}
	}
}

// hop asks for an address and follows nothing.
func hop(t *testing.T, address string, header ...string) (status int, to string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location")
}

// leadsToS3 sees that an address is answered with one of the bucket's, which is good for
// so many seconds at most and presents the bytes as we do.
func leadsToS3(t *testing.T, bucket rig.Bucket, address string, most int, header ...string) {
	t.Helper()
	status, to := hop(t, address, header...)
	u, err := url.Parse(to)
	if err != nil || status != http.StatusTemporaryRedirect || !strings.HasPrefix(to, bucket.Endpoint+"/"+bucket.Name+"/") {
		t.Fatalf("%s is %d to %q, want 307 into the bucket", address, status, to)
	}
	if n, err := strconv.Atoi(u.Query().Get("X-Amz-Expires")); err != nil || n < 1 || n > most {
		t.Errorf("it is good for %q seconds, want %d at most", u.Query().Get("X-Amz-Expires"), most)
	}
	a := get(t, to)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "image/png" || !strings.HasPrefix(a.header.Get("Cache-Control"), "private, max-age=") ||
		!strings.Contains(a.header.Get("Content-Disposition"), `inline; filename="quarters-view.png"`) {
		t.Errorf("the bucket answers %d with %v", a.status, a.header)
	}
}

func TestKeysAndPublicBucketsChangeWithoutARestart(t *testing.T) {
	site := rig.NewSite(t, shipped, tokenSecret, "IMGD_LINK_KEYS_FILE="+filepath.Join(t.TempDir(), "keys"))
	file := strings.TrimPrefix(site.Env[1], "IMGD_LINK_KEYS_FILE=")
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(file, firstKey+"\n")
	p, token := site.Start(t, "serve"), bearer(t)
	path := shown(t, p.URL, "press/2026", token)
	old := signed(t, p.URL, path, token, "")
	status := func(address string) int { return get(t, address).status }
	if got := status(old); got != http.StatusOK {
		t.Fatalf("the link is %d", got)
	}
	put(file, secondKey+"\n"+firstKey+"\n")
	put(filepath.Join(site.Dir, ".env"), "IMGD_PUBLIC_BUCKETS=acme/press/*\n")
	if got := status(p.URL + path); got != http.StatusUnauthorized {
		t.Errorf("before the signal the image is answered %d", got)
	}
	p.Hup(t)
	eventually(t, "public", func() bool { return status(p.URL+path) == http.StatusOK })
	second := signed(t, p.URL, path, token, "")
	if !strings.Contains(second, "&kid=second&") || status(second) != http.StatusOK || status(old) != http.StatusOK {
		t.Errorf("with two keys the new link is %s (%d), and the old one %d", second, status(second), status(old))
	}
	put(file, "third:short")
	put(filepath.Join(site.Dir, ".env"), "")
	p.Hup(t)
	eventually(t, "refused", func() bool { return strings.Contains(p.Log(), "all settings stay as they were") })
	if status(p.URL+path) != http.StatusOK || status(old) != http.StatusOK {
		t.Error("wrong settings were taken")
	}
	put(file, secondKey)
	p.Hup(t)
	eventually(t, "revoked", func() bool { return status(old) == http.StatusForbidden })
	if status(second) != http.StatusOK || status(p.URL+path) != http.StatusUnauthorized {
		t.Errorf("the link of the key that stays is %d, and the bucket that is closed %d", status(second), status(p.URL+path))
	}
	for _, secret := range []string{firstKey[6:], secondKey[7:], "sig="} {
		if strings.Contains(p.Log(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
