package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestARateIsSoManyInASpanOfTime(t *testing.T) {
	for text, want := range map[string]time.Duration{"50/s": 20 * time.Millisecond, "1/s": time.Second, "600/m": 100 * time.Millisecond, "3600/h": time.Second, "0": 0, "0/s": 0} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err != nil || r.interval() != want {
			t.Errorf("%s is one in %s, %v; want one in %s", text, r.interval(), err, want)
		}
	}
	for _, text := range []string{"", "50", "50/", "50/d", "/s", "-1/s", "1.5/s", "5/s/s", "9999999/s"} {
		var r Rate
		if err := r.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken as one in %s", text, r.interval())
		}
	}
}

func TestAPaceKeepsTheIntervalAndEndsWithItsContext(t *testing.T) {
	p, began := pace{every: 10 * time.Millisecond}, time.Now()
	for range 6 {
		if err := p.wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took < 50*time.Millisecond {
		t.Errorf("six took %s, want five intervals of 10ms", took)
	}
	p.every = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	if err := p.wait(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := p.wait(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("a wait whose context has ended = %v, want that", err)
	}
}

func TestARerenderLooksBeforeItActs(t *testing.T) {
	s, _ := place(t)
	var out bytes.Buffer
	if err := (rerenderCmd{Preset: "default"}).renew(t.Context(), &s, &out, false); err != nil || !strings.Contains(out.String(), "0  images in all") {
		t.Errorf("of an empty place = %v\n%s", err, &out)
	}
	if err := (rerenderCmd{Preset: "default", Bucket: "a["}).renew(t.Context(), &s, &out, false); err == nil || !strings.Contains(err.Error(), "no pattern") {
		t.Errorf("a pattern that is none = %v", err)
	}
	if err := (rerenderCmd{Preset: "web"}).renew(t.Context(), &s, &out, false); err == nil || !strings.Contains(err.Error(), "there are default") {
		t.Errorf("an unknown preset = %v, want those there are", err)
	}
	s.DatabaseURL = "sqlite:" + filepath.Join(t.TempDir(), "none.db")
	if err := (rerenderCmd{Preset: "default"}).renew(t.Context(), &s, &out, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a database = %v, want that it is not there", err)
	}
}
