package e2e

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"imgd/e2e/rig"
)

// window is a browser that looks at one service. It takes down what pages must never
// do: ask another host, write an error, break their policy.
type window struct {
	t    *testing.T
	page context.Context
	url  string

	mu     sync.Mutex
	faults []string
	meant  string // a part of the errors that the test provokes
}

// openWindow opens a window of its own and shows the address in it.
func openWindow(t *testing.T, base, address string) *window {
	t.Helper()
	w := &window{t: t, page: rig.Browser(t), url: base}
	console, requests := chromedp.Console(w.page), chromedp.Events(w.page, network.RequestWillBeSent)
	go func() {
		for m, err := range console {
			if err != nil {
				return
			}
			if m.IsException() || m.Type == "error" || m.Source == "security" {
				w.fault("the console says: %s (%s:%d)", m.Text, m.URL, m.Line)
			}
		}
	}()
	go func() {
		for r, err := range requests {
			if err != nil {
				return
			}
			if !w.own(r.Request.URL) {
				w.fault("it asked for %s", r.Request.URL)
			}
		}
	}()
	t.Cleanup(w.check)
	w.size(1360, 900)
	w.open(address)
	return w
}

// own reports whether an address is the service's, or is in the page itself.
func (w *window) own(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	return u.Scheme == "data" || u.Scheme == "about" || strings.HasPrefix(strings.TrimPrefix(address, "blob:"), w.url+"/")
}

func (w *window) fault(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if w.meant == "" || !strings.Contains(text, w.meant) {
		w.faults = append(w.faults, text)
	}
}

// provoke says which errors of the console are the test's own doing.
func (w *window) provoke(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.meant = text
}

func (w *window) check() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, f := range w.faults {
		w.t.Errorf("the page misbehaved: %s", f)
	}
}

func (w *window) do(steps ...chromedp.Action[chromedp.Void]) {
	w.t.Helper()
	if err := chromedp.Do(w.page, steps...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *window) open(address string) { w.t.Helper(); w.do(chromedp.Navigate(w.url + address)) }

func (w *window) size(width, height int64) {
	w.t.Helper()
	w.do(chromedp.EmulateViewport(width, height))
}

// prefer is what the system says of colours: dark or light.
func (w *window) prefer(scheme string) {
	w.t.Helper()
	w.do(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	}))
}

// inPage evaluates an expression in the page.
func inPage[T any](w *window, expression string, opts ...func(*runtime.EvaluateParams)) T {
	w.t.Helper()
	v, err := chromedp.Run(w.page, chromedp.Evaluate[T](expression, opts...))
	if err != nil {
		w.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// await waits until an expression is true. A page that is being loaded says nothing.
func (w *window) await(what, expression string) {
	w.t.Helper()
	var last error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(25 * time.Millisecond) {
		var there bool
		if there, last = chromedp.Run(w.page, chromedp.Evaluate[bool]("Boolean("+expression+")")); there {
			return
		}
	}
	w.t.Fatalf("after 30 s there is not %s (%v); the page says:\n%s", what, last, inPage[string](w, "document.body.innerText"))
}

// shows waits until a text can be read in what a selector finds.
func (w *window) shows(selector, text string) {
	w.t.Helper()
	w.await(fmt.Sprintf("%q in %s", text, selector), fmt.Sprintf("[...document.querySelectorAll(%q)].some((e) => e.checkVisibility() && e.innerText.includes(%q))", selector, text))
}

// press clicks the first thing a selector finds that has the text.
func (w *window) press(selector, text string) {
	w.t.Helper()
	found := fmt.Sprintf("[...document.querySelectorAll(%q)].find((e) => e.checkVisibility() && e.textContent.includes(%q))", selector, text)
	w.await(fmt.Sprintf("%q to press in %s", text, selector), found)
	inPage[bool](w, found+".click() ?? true")
}

// drop lets a file fall on the drop zone, as a hand does.
func (w *window) drop(name, contentType string, file []byte) {
	w.t.Helper()
	w.await("the drop zone", `document.querySelector(".drop")`)
	inPage[bool](w, fmt.Sprintf(`(() => {
		const bytes = Uint8Array.from(atob(%q), (c) => c.charCodeAt(0));
		const dropped = new DataTransfer();
		dropped.items.add(new File([bytes], %q, { type: %q }));
		const zone = document.querySelector(".drop");
		for (const kind of ["dragenter", "dragover", "drop"]) zone.dispatchEvent(new DragEvent(kind, { dataTransfer: dropped, bubbles: true, cancelable: true }));
		return true;
	})()`, base64.StdEncoding.EncodeToString(file), name, contentType))
}

// blameless has axe look for faults that keep people out. Rules that others' markup
// breaks, and we cannot mend, are named and only written down; one that is kept is not
// to be named.
func (w *window) blameless(what string, others ...string) {
	w.t.Helper()
	file := filepath.Join("..", ".cache", "web", "node_modules", "axe-core", "axe.min.js")
	script, err := os.ReadFile(file) // #nosec G304 -- of this repository
	if err != nil {
		w.t.Fatalf("axe-core is missing: run `make servers`, which fetches it from npm into .cache/web (%v)", err)
	}
	inPage[bool](w, string(script)+";true")
	type violation struct {
		ID, Impact, Help string
		Nodes            []struct {
			HTML           string
			FailureSummary string
		}
	}
	// A colour that is on its way to another one has no contrast to be held to.
	inPage[bool](w, `Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0))).then(() => true)`, chromedp.EvalAwaitPromise)
	found := inPage[[]violation](w, `axe.run(document, { resultTypes: ["violations"] }).then((r) => r.violations.map((v) =>
		({ ID: v.id, Impact: v.impact, Help: v.help, Nodes: v.nodes.map((n) => ({ HTML: n.html, FailureSummary: n.failureSummary })) })))`, chromedp.EvalAwaitPromise)
	for _, other := range others {
		if !slices.ContainsFunc(found, func(v violation) bool { return v.ID == other && (v.Impact == "serious" || v.Impact == "critical") }) {
			w.t.Errorf("%s: the rule %s is kept; take its exception away", what, other)
		}
	}
	for _, v := range found {
		if v.Impact != "serious" && v.Impact != "critical" || slices.Contains(others, v.ID) {
			w.t.Logf("%s: %s (%s): %s", what, v.ID, v.Impact, v.Help)
			continue
		}
		for _, n := range v.Nodes[:min(3, len(v.Nodes))] {
			w.t.Errorf("%s: %s (%s): %s\n%s\n%s", what, v.ID, v.Impact, v.Help, n.HTML, n.FailureSummary)
		}
	}
}

// narrow checks that nothing is wider than the window.
func (w *window) narrow(what string) {
	w.t.Helper()
	if wide := inPage[int](w, `document.documentElement.scrollWidth - document.documentElement.clientWidth`); wide > 0 {
		w.t.Errorf("%s is %d pixels wider than the window", what, wide)
	}
}
