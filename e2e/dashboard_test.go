package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

func drawing(t testing.TB, w, h int) []byte {
	t.Helper()
	file, err := scene.JPEG(w, h)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// damaged is a PNG whose frame is whole and whose pixels are none: it is let in, and
// no job can decode it.
func damaged() []byte {
	var b bytes.Buffer
	chunk := func(kind string, data []byte) {
		_ = binary.Write(&b, binary.BigEndian, uint32(len(data))) //nolint:gosec // some thousand bytes
		body := append([]byte(kind), data...)
		b.Write(body)
		_ = binary.Write(&b, binary.BigEndian, crc32.ChecksumIEEE(body))
	}
	b.WriteString("\x89PNG\r\n\x1a\n")
	chunk("IHDR", append(binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 300), 200), 8, 2, 0, 0, 0))
	chunk("IDAT", append([]byte{0x78, 0x9c, 0x07}, bytes.Repeat([]byte("noise"), 12_000)...)) // the third kind of block is reserved
	chunk("IEND", nil)
	return b.Bytes()
}

func TestAPictureIsDroppedAndFollowedToItsPage(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	w := openWindow(t, p.URL, "/dashboard#/images")
	w.shows("h1", "Images")
	w.meddle("hold", "v1/stats")
	inPage[bool](w, "(location.hash = '#/') !== ''")
	w.shows("h1", "One moment")
	w.blameless("a dashboard before its first answer")
	w.unmeddle()
	w.shows("h1", "All is well")
	w.shows("#pulse", "Live")
	w.shows(".empty", "Nothing here yet")
	w.shows(".checks", "database")
	w.shows(".workers", "serve")
	w.blameless("an empty dashboard")

	w.drop("lake at dusk.jpg", "image/jpeg", drawing(t, 1600, 1200))
	w.shows(".upload.done", "4 variants")
	w.shows(".states", "1 succeeded")
	w.await("the picture among the latest", `document.querySelectorAll(".latest img:not(.waiting)").length === 1`)
	w.press(".upload .name", "lake at dusk.jpg")
	w.shows("h1", "lake at dusk.jpg")
	w.await("all variants and the original", `[...document.querySelectorAll(".variant img:not(.waiting)")].filter((i) => i.naturalWidth > 0).length === 5`)
	w.shows(".variant", "150 × 113, WEBP")
	w.shows(".saved", "% saved")
	w.shows(".swatches", "dominant")
	w.shows(".facts", "SHA-256")
	w.shows(".trail", "job.succeeded")
	w.blameless("the page of an image")
	w.press(".top a", "Images")
	w.shows(".gallery .name", "lake at dusk.jpg")
	w.blameless("the list of images")
}

func TestAFailureSaysWhyAndIsRetriedWithOneClick(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	w := openWindow(t, p.URL, "/dashboard")
	w.drop("damaged.png", "image/png", damaged())
	w.shows(".upload.failed", "the png is damaged")
	w.shows("h1", "1 job failed in the last hour")
	w.shows(".problem", "The image is damaged")
	w.blameless("a dashboard with failures")
	w.press(".jobs button", "Retry")
	w.shows(".note", "is queued again")
	list := read[struct {
		Items []job `json:"items"`
	}](t, p.URL+"/v1/jobs")
	eventually(t, "failed once more", func() bool {
		events := story(t, p.URL, list.Items[0].ImageID)
		return count(events, "job.requeued") == 1 && count(events, "job.failed") == 2
	})
	w.provoke("415") // a browser writes down every refusal
	w.drop("notes.txt", "text/plain", []byte("this is no picture"))
	w.await("that it was refused", `document.querySelectorAll(".upload.failed").length === 2`)
	w.press(".jobs .name", "damaged.png")
	w.shows(".variant.failed", "The image is damaged")
	w.shows(".trail", "job.requeued")
	w.blameless("the page of an image that failed")
}

func TestAJobIsCancelledAndComesBack(t *testing.T) {
	t.Parallel()
	s := rig.NewSite(t, shipped)
	p := s.Start(t, "api")
	w := openWindow(t, p.URL, "/dashboard")
	w.drop("waits.jpg", "image/jpeg", drawing(t, 320, 240))
	w.shows("h1", "Jobs wait, and no worker runs")
	w.shows(".job", "queued")
	w.press(".jobs button", "Cancel")
	w.shows(".upload.failed", "the job was cancelled")
	w.press(".states a", "cancelled")
	w.shows(".tabs [aria-current]", "cancelled")
	w.shows(".job", "waits.jpg")
	w.blameless("the list of jobs")
	s.Start(t, "worker")
	w.press(".jobs button", "Retry")
	w.press(".tabs a", "succeeded")
	w.shows(".job", "waits.jpg")
}

func TestTheDashboardAsksForATokenAndKeepsItInTheTab(t *testing.T) {
	t.Parallel()
	secret := "IMGD_AUTH_HS256_SECRET=" + strings.Repeat("s3cret", 8)
	p := rig.NewSite(t, shipped, secret).Start(t, "serve")
	w := openWindow(t, p.URL, "/dashboard")
	w.provoke("401")
	w.shows("h1", "A token, please")
	w.blameless("the question for a token")
	w.sign("not.a.token")
	w.shows(".complaint", "refused")
	w.blameless("the question after a refusal")
	w.sign(minted(t, secret, "images:admin"))
	w.shows("h1", "All is well")
	w.drop("mine.jpg", "image/jpeg", drawing(t, 640, 480))
	w.await("a picture that was fetched with the token", `[...document.querySelectorAll(".latest img:not(.waiting)")].some((i) => i.naturalWidth > 0)`)
	w.shows(".workers", "serve")
	if kept := inPage[string](w, `JSON.stringify(Object.entries(localStorage)) + document.cookie + location.href`); strings.Contains(kept, "ey") {
		t.Errorf("the token is kept beyond the tab: %s", kept)
	}
	w.press("#leave", "Sign out")
	w.shows("h1", "A token, please")
	w.sign(minted(t, secret, "images:read", "images:write"))
	w.shows(".empty", "images:admin") // and nothing of others
	w.shows(".tile", "Waiting")
}

// sign answers the question for a token.
func (w *window) sign(token string) {
	w.t.Helper()
	w.do(chromedp.SetValue(chromedp.CSS("#token"), token))
	w.press("button", "Sign in")
}

// minted is a token as the binary prints it.
func minted(t *testing.T, secret string, scopes ...string) string {
	t.Helper()
	cmd := exec.Command(shipped, "token", "--scope", strings.Join(scopes, ",")) // #nosec G204 -- the binary of this test
	cmd.Env = append(os.Environ(), secret)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

func TestTheDashboardFitsPhonesAndTheDark(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	memories(t, p.URL)
	w := openWindow(t, p.URL, "/dashboard")
	pictures := 6
	if picturesKept() != "" {
		pictures = 12
	}
	w.await("the latest pictures", fmt.Sprintf(`document.querySelectorAll(".latest img:not(.waiting)").length === %d`, pictures))
	w.size(1360, 1230)
	w.shoot("dashboard")
	w.size(1360, 900)
	w.prefer("dark")
	ground := func() string { return inPage[string](w, `getComputedStyle(document.documentElement).backgroundColor`) }
	if got := ground(); got != "rgb(15, 17, 21)" {
		t.Errorf("the ground is %s where the system prefers the dark", got)
	}
	w.blameless("the dashboard in the dark")
	w.shoot("dashboard-dark")
	w.press("#theme", "System")
	w.shows("#theme", "Light")
	if got := ground(); got != "rgb(246, 247, 249)" {
		t.Errorf("the ground is %s after light was chosen", got)
	}
	w.do(chromedp.Reload())
	w.shows("#theme", "Light")

	// The first step of the keyboard leads past the navigation.
	w.do(chromedp.KeyEvent("\t"))
	if got := inPage[string](w, `document.activeElement.className`); got != "skip" {
		t.Errorf("the first tab stop is %q", got)
	}
	w.do(chromedp.KeyEvent("\r"))
	if got := inPage[string](w, `document.activeElement.id`); got != "main" {
		t.Errorf("the link to the content leads to %q", got)
	}

	w.size(1360, 1000)
	image := read[struct {
		Items []picture `json:"items"`
	}](t, p.URL+"/v1/images?state=ready&limit=1").Items[0].ID
	w.open("/dashboard#/images/" + image)
	w.await("its variants", `document.querySelectorAll(".variant img:not(.waiting)").length === 5`)
	w.shoot("image")
	w.size(1360, 450)
	w.open("/dashboard#/jobs?state=failed")
	w.shows(".tabs [aria-current]", "failed")
	if picturesKept() != "" {
		w.shows(".problem", "The image is damaged")
		w.await("the pictures of jobs", `document.querySelectorAll(".job").length === 3`)
	}
	w.shoot("failed")
	w.size(360, 780)
	w.narrow("the page of an image")
	for _, view := range []string{"images", "jobs", ""} {
		w.open("/dashboard#/" + view)
		w.shows(".top [aria-current]", map[string]string{"images": "Images", "jobs": "Jobs", "": "Overview"}[view])
		w.await("pictures", `document.querySelector("img:not(.waiting)")`)
		w.narrow("#/" + view)
		w.blameless("#/" + view + " on a phone")
	}
	w.shoot("phone")
}

// memories are some pictures and a failure, so that there is something to see. Where
// screenshots are kept, they come in over some minutes.
func memories(t *testing.T, url string) {
	t.Helper()
	var last job
	for _, m := range album(t) {
		last = upload(t, url, m.file, m.name)
	}
	finished(t, url, last.ID, 30*time.Second)
	if picturesKept() == "" {
		return
	}
	pause := []time.Duration{9, 4, 7, 2, 3, 12, 5, 1, 6, 3, 2, 8}
	for i := range 40 {
		m := album(t)[i*7%5]
		if name, ok := map[int]string{8: "scan-0412.png", 21: "from-the-old-disk.png", 31: "scan-0419.png"}[i]; ok {
			upload(t, url, damaged(), name)
		}
		if i%3 == 0 {
			upload(t, url, m.file, m.name)
		}
		upload(t, url, drawing(t, 700+30*i, 500), m.name)
		time.Sleep(pause[i%len(pause)] * time.Second)
	}
	for _, m := range album(t) {
		last = upload(t, url, m.file, m.name)
	}
	finished(t, url, last.ID, 30*time.Second)
}
