package rig

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// Browser starts a browser of the test's own, without a window, a history or a cookie,
// and returns its first page as a context for chromedp. What it is answered is held
// against the contract, as other answers are. The test's end closes it.
func Browser(t testing.TB) context.Context {
	t.Helper()
	program, err := findBrowser()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("/tmp", "imgd-rig-")
	if err != nil {
		t.Fatal(err)
	}
	if err := atExit("sweep " + quoted(dir)); err != nil {
		t.Fatal(err)
	}
	life, end := context.WithTimeout(context.Background(), patienceWithBrowser)
	factory, stop := chromedp.NewExecAllocator(life, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program),
		chromedp.UserDataDir(filepath.Join(dir, "profile")),
		chromedp.ProxyServer(between(t)),
		// Else it would go to addresses of this machine by itself.
		chromedp.Flag("proxy-bypass-list", "<-loopback>"),
		chromedp.NoSandbox, // it needs rights that containers lack, and shows our own pages only
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		}),
	)...)
	page, leave := chromedp.NewContext(factory)
	t.Cleanup(func() {
		_ = chromedp.Cancel(page) // it may have ended by itself
		leave()
		stop()
		end()
		_ = os.RemoveAll(dir) // else the guard does
	})
	if err := chromedp.Do(page, chromedp.Navigate("about:blank")); err != nil {
		t.Fatalf("%s does not start: %v", program, err)
	}
	return page
}

// between is a proxy that asks through http.DefaultTransport, whose answers are judged. A
// server that is away is so behind it too: the connection ends.
func between(t testing.TB) (address string) {
	t.Helper()
	s := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:      func(*httputil.ProxyRequest) {}, // a browser says itself where it wants to go
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	})
	t.Cleanup(s.Close)
	return s.URL
}

// patienceWithBrowser is the longest life of one: a page that hangs fails its test.
const patienceWithBrowser = 2 * time.Minute

// findBrowser looks where TEST_BROWSER says, then for what systems call Chromium.
func findBrowser() (string, error) {
	if p := os.Getenv("TEST_BROWSER"); p != "" {
		if _, err := os.Stat(p); err != nil {
			return "", fmt.Errorf("TEST_BROWSER is set, but that browser is not there: %w", err)
		}
		return p, nil
	}
	for _, name := range []string{"chromium-headless-shell", "chrome-headless-shell", "google-chrome", "chromium", "chromium-browser"} {
		if p, err := exec.LookPath(name); err == nil {
			return p, nil
		}
	}
	return "", errors.New("there is no browser for this test. Any of these helps:" +
		"\n  set TEST_BROWSER to the path of a Chromium or Chrome" +
		"\n  type `make servers`, which installs what is missing")
}
