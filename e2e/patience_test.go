package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// meddle has the page's requests whose address contains a text wait until release, or
// fail: "hold" or "fail". meddled counts those that were asked for.
func (w *window) meddle(how, with string) {
	w.t.Helper()
	inPage[bool](w, fmt.Sprintf(`(() => {
		window.honest ??= window.fetch;
		window.meddled = 0;
		const held = new Promise((resolve) => { window.release = resolve; });
		window.fetch = async (address, options) => {
			if (String(address).includes(%q)) {
				window.meddled++;
				if (%q === "fail") throw new TypeError("cable pulled");
				await held;
			}
			return window.honest(address, options);
		};
		return true;
	})()`, with, how))
}

// unmeddle lets go of what was held, and waits until pages have had their answers.
func (w *window) unmeddle() {
	w.t.Helper()
	inPage[bool](w, `(() => { window.fetch = window.honest; window.release(); return true; })()`)
	time.Sleep(500 * time.Millisecond)
}

func (w *window) meddled() int { w.t.Helper(); return inPage[int](w, "window.meddled") }

// look is whether somebody looks at the page.
func (w *window) look(at bool) {
	w.t.Helper()
	inPage[bool](w, fmt.Sprintf(`(() => {
		Object.defineProperty(document, "hidden", { configurable: true, get: () => %v });
		document.dispatchEvent(new Event("visibilitychange"));
		return true;
	})()`, !at))
}

const nobody = "01890000-0000-7000-8000-000000000000"

func TestAPageThatWasLeftPaintsNothing(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "serve")
	j := upload(t, p.URL, drawing(t, 320, 240), "one.jpg")
	finished(t, p.URL, j.ID, 30*time.Second)
	w := openWindow(t, p.URL, "/dashboard")
	w.shows("h1", "All is well")
	w.provoke("404")
	for left, held := range map[string]string{
		"#/images/" + nobody: "v1/images/" + nobody, "#/jobs/" + nobody: "v1/jobs/" + nobody, // what is not there replaces the page
		"#/jobs/" + j.ID: "v1/jobs/" + j.ID, "#/images/" + j.ImageID: "v1/images/" + j.ImageID, // leads elsewhere; names the window
	} {
		w.meddle("hold", held)
		inPage[bool](w, fmt.Sprintf("(location.hash = %q) !== ''", left))
		w.await("that "+left+" waits for an answer", "window.meddled > 0")
		inPage[bool](w, "(location.hash = '#/images') !== ''")
		w.shows("h1", "Images")
		w.unmeddle()
		if got := inPage[string](w, "location.hash + ' ' + document.querySelector('h1').innerText + ' ' + document.title"); got != "#/images Images imgd" {
			t.Errorf("after %s was left, the page is %q, want that of all images", left, got)
		}
	}
}

func TestTheListOfImagesHasNoHoles(t *testing.T) {
	t.Parallel()
	p := rig.NewSite(t, shipped).Start(t, "api") // nobody works: there is no need
	small, err := scene.JPEG(16, 16)
	if err != nil {
		t.Fatal(err)
	}
	send := func(n int) {
		t.Helper()
		for i := range n {
			upload(t, p.URL, small, fmt.Sprintf("%d.jpg", i))
		}
	}
	send(45)
	w := openWindow(t, p.URL, "/dashboard#/images")
	shown := func(n int) string {
		return fmt.Sprintf(`new Set([...document.querySelectorAll(".gallery a")].map((a) => a.href)).size === %d && document.querySelectorAll(".gallery li").length === %d`, n, n)
	}
	w.await("the newest forty", shown(40))
	w.meddle("fail", "cursor=")
	w.press("button", "Show older ones")
	w.shows(".note.bad", "Older images cannot be shown now")
	w.unmeddle()
	w.press("button", "Show older ones")
	w.await("all of them", shown(45))
	send(3)
	w.await("all of them and three new ones", shown(48))
	send(50) // more than a page since the last look
	w.await("a list that begins anew", shown(40))
	for _, n := range []int{80, 98} {
		w.press("button", "Show older ones")
		w.await("older ones", shown(n))
	}
	w.blameless("the list of images")
}

func TestAnUploadOutlivesAServiceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := rig.NewSite(t, shipped)
	p := s.Start(t, "api")
	w := openWindow(t, p.URL, "/dashboard")
	w.shows(".empty", "Nothing here yet")
	w.meddle("fail", "v1/jobs/")
	w.drop("slow.jpg", "image/jpeg", drawing(t, 320, 240))
	w.shows(".upload", "it is stored; the service cannot be reached")
	if inPage[bool](w, `document.querySelector(".upload.failed") !== null`) {
		t.Error("the upload is shown as failed although it is stored")
	}
	w.unmeddle()
	w.shows(".upload", "0 of 4 variants")

	// Nobody looks, nobody asks.
	w.look(false)
	w.shows("#pulse", "Paused")
	time.Sleep(2 * time.Second) // what was under way is over
	w.meddle("count", "v1/")
	w.unmeddle()
	w.meddle("hold", "v1/")
	time.Sleep(3 * time.Second)
	if n := w.meddled(); n > 0 {
		t.Errorf("the hidden page asked %d times in three seconds", n)
	}
	s.Start(t, "worker")
	w.unmeddle()
	w.look(true)
	w.shows(".upload.done", "4 variants")
	w.blameless("an upload that took its time")
}

// inOrder asks the page whether a part is, and how long it took.
const inOrder = `[...document.querySelectorAll(".checks li")].some((e) => /%s\s*in order, (< )?\d+ m?s/.test(e.innerText))`

func TestTheDashboardTellsWhichPartIsAway(t *testing.T) {
	t.Parallel()
	secret := "IMGD_AUTH_HS256_SECRET=" + strings.Repeat("s3cret", 8)
	var away atomic.Bool
	point := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if away.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"decision": true}`)
	}))
	defer point.Close()
	p := rig.NewSite(t, shipped, secret, "IMGD_POLICY_URL="+point.URL).Start(t, "serve")
	admin := minted(t, secret, "images:admin", "images:read")
	w := openWindow(t, p.URL, "/dashboard")
	w.provoke("401")
	w.shows("h1", "A token, please")
	w.sign(admin)
	w.shows(".checks .unheard", "issuers") // the keys are at hand
	for _, part := range []string{"database", "decision point"} {
		w.await("how fast the "+part+" is", fmt.Sprintf(inOrder, part))
	}
	w.blameless("dependencies that are in order")
	away.Store(true)
	for range 6 { // five failures in a row open the breaker; what it said of the dashboard's questions holds
		a := postForm(t, p.URL, drawing(t, 64, 64), "a.jpg", "Authorization", "Bearer "+minted(t, secret, "images:write"))
		if a.status != http.StatusServiceUnavailable {
			t.Fatalf("without a decision point an upload is %d: %s", a.status, a.body)
		}
	}
	w.shows(".checks .missed", "nobody waits for it")
	w.shows("h1", "Going on without decision point")
	away.Store(false) // its breaker asks by itself
	w.await("the decision point back", fmt.Sprintf(inOrder, "decision point"))
	w.blameless("a dependency that was away")
}
