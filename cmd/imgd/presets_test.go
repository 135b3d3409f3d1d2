package main

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

// presetsIn are settings that name a file with the given text.
func presetsIn(t *testing.T, text string) *Settings {
	t.Helper()
	s := defaults(t)
	s.Presets = filepath.Join(t.TempDir(), "presets.yaml")
	rewrite(t, &s, text)
	return &s
}

// rewrite puts another file in place of the one there is, whole.
func rewrite(t *testing.T, s *Settings, text string) {
	t.Helper()
	if err := os.WriteFile(s.Presets+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.Presets+".new", s.Presets); err != nil {
		t.Fatal(err)
	}
}

func TestAHangupPutsTheFileInForceWhileUploadsRun(t *testing.T) {
	one, two := "web: {a: w=1, b: w=1}\n", "web: {c: w=2, d: w=2, e: w=2}\n"
	s, log, h := presetsIn(t, one), &said{}, house.New(t)
	p := &parts{settings: s, log: slog.New(slog.NewTextHandler(log, nil))}
	if err := p.presets.load(s); err != nil {
		t.Fatal(err)
	}
	defer p.rereading(t.Context(), true, listen())()
	h.Ingest.Presets = p.presets.now
	var (
		uploads sync.WaitGroup
		stop    = make(chan struct{})
		mu      sync.Mutex
		seen    = map[string]int{}
	)
	for u := range 4 {
		uploads.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(40, 30, fmt.Sprint(u, i)), ingest.Fields{Preset: "web"}))
				if err != nil {
					t.Errorf("an upload while presets change = %v", err)
					return
				}
				names := ""
				for _, v := range a.Record.Variants {
					names += v.Name
				}
				mu.Lock()
				seen[names]++
				mu.Unlock()
			}
		})
	}
	for i := range 20 {
		rewrite(t, s, []string{two, one}[i%2])
		hangup(t, log, "msg=\"read again\" part=presets")
	}
	time.Sleep(20 * time.Millisecond)
	close(stop)
	uploads.Wait()
	if len(seen) != 2 || seen["ab"] == 0 || seen["cde"] == 0 {
		t.Errorf("the uploads had the variants %v, want ab of some and cde of others, never a mixture", seen)
	}
}

func TestAHangupKeepsThePresetsWhenTheFileIsWrong(t *testing.T) {
	s, log := presetsIn(t, "web: {a: w=1}\n"), &said{}
	p := &parts{settings: s, log: slog.New(slog.NewTextHandler(log, nil))}
	if err := p.presets.load(s); err != nil {
		t.Fatal(err)
	}
	defer p.rereading(t.Context(), true, listen())()
	rewrite(t, s, "web: {b: w=1}\nother:\n  c: w=zero\n")
	hangup(t, log, "msg=\"not read again; it stays as it was\" part=presets")
	if list := p.presets.now()["web"]; len(list) != 1 || list[0].Name != "a" {
		t.Errorf("after a wrong file web is %v, want what it was", list)
	}
	if log.count("level=ERROR") != 1 || log.count("presets.yaml:3:6: preset other: variant c: ") != 1 {
		t.Errorf("the log does not say what is wrong:\n%s", &log.text)
	}
	if err := os.Remove(s.Presets); err != nil {
		t.Fatal(err)
	}
	hangup(t, log, "msg=\"not read again; it stays as it was\" part=presets")
	if list := p.presets.now()["web"]; len(list) != 1 {
		t.Errorf("without a file web is %v, want what it was", list)
	}
}

func TestConfigTellsWhatIsWrongWithThePresets(t *testing.T) {
	s := presetsIn(t, "web:\n  a: \"w=1,tint=ff0000\"\n  b: \"hight=1\"\n")
	var out bytes.Buffer
	err := configCmd{}.show(s, &out)
	if err == nil {
		t.Fatal("config takes a wrong file of presets")
	}
	for _, want := range []string{"IMGD_PRESETS", "presets.yaml:3:6: preset web: variant b: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("config says %v, want %q in it", err, want)
		}
	}
	rewrite(t, s, "web: {a: w=1}\n")
	if err := (configCmd{}).show(s, &out); err != nil {
		t.Errorf("config of a good file = %v", err)
	}
}
