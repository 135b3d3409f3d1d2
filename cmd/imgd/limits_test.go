package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"imgd/core"
)

func TestARateIsReadOrRefused(t *testing.T) {
	for text, want := range map[string]core.Rate{
		"50/h": {Limit: 50, Per: time.Hour}, "10/s": {Limit: 10, Per: time.Second}, "300/m": {Limit: 300, Per: time.Minute},
		"7/d": {Limit: 7, Per: 24 * time.Hour}, "off": {}, "0": {}, "auto": {},
	} {
		var f Frequency
		if err := f.UnmarshalText([]byte(text)); err != nil || f.Rate != want || f.String() != text {
			t.Errorf("%s = %+v (%s), %v; want %+v", text, f.Rate, f, err, want)
		}
	}
	for _, text := range []string{"", "50", "50/w", "-1/h", "0/h", "x/h", "1.5/s", "50/h/h", "10000000/s"} {
		var f Frequency
		if err := f.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v, want it refused", text, f.Rate)
		}
	}
}

func TestUploadsAreLimitedWhereTokensAreAskedFor(t *testing.T) {
	s := defaults(t)
	if got := s.rates(false); got.Uploads.Limit != 0 || got.Requests.Limit != 0 {
		t.Errorf("without tokens the rates are %+v, want none", got)
	}
	s.UploadBurst = 7
	if got, want := s.rates(true).Uploads, (core.Rate{Limit: 50, Per: time.Hour, Burst: 7}); got != want || s.rates(true).Requests.Limit != 0 {
		t.Errorf("with tokens they are %+v, want %+v of uploads alone", s.rates(true), want)
	}
	if err := s.UploadRate.UnmarshalText([]byte("off")); err != nil || s.rates(true).Uploads.Limit != 0 {
		t.Errorf("switched off they are %+v (%v)", s.rates(true), err)
	}
}

func TestWhetherTokensAreAskedForDecidesWhatAutoSaysAfterAHangup(t *testing.T) {
	open, asking := defaults(t), defaults(t)
	asking.AuthSecret = secret
	for name, c := range map[string]struct {
		start, fresh Settings
		want         core.Rate
	}{
		"when tokens would no longer be asked for": {asking, open, uploadRate},
		"when they would be from now on":           {open, asking, core.Rate{}},
	} {
		t.Run(name, func(t *testing.T) {
			log := &said{}
			p := &parts{settings: &c.start, log: slog.New(slog.NewTextHandler(log, nil)), again: func() (*Settings, error) { return &c.fresh, nil }}
			if c.start.asks() {
				p.issuers = inForce(t, &c.start)
			}
			defer p.rereading(t.Context(), true, listen())()
			hangup(t, log, `part="rates and quotas"`)
			if got := p.bounds.now().Uploads; got != c.want || log.count("takes a restart") == 0 {
				t.Errorf("uploads have %+v, want %+v as at the start; the log:\n%s", got, c.want, &log.text)
			}
		})
	}
}

func TestAHangupChangesRatesAndQuotas(t *testing.T) {
	s, log := defaults(t), &said{}
	s.Quotas = filepath.Join(t.TempDir(), "quotas.yaml")
	put := func(text string) {
		if err := os.WriteFile(s.Quotas, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("tenants: { acme: { images: 1 } }")
	p := &parts{settings: &s, log: slog.New(slog.NewTextHandler(log, nil))}
	var now atomic.Pointer[Settings]
	p.again = func() (*Settings, error) { return now.Load(), nil }
	defer p.rereading(t.Context(), true, listen())()
	next := s
	if err := next.UploadRate.UnmarshalText([]byte("5/m")); err != nil {
		t.Fatal(err)
	}
	now.Store(&next)
	hangup(t, log, "part=\"rates and quotas\"")
	if got := p.bounds.now().Uploads.Limit; got != 5 || p.bounds.of("acme").Images != 1 || !p.bounds.of("globex").None() {
		t.Errorf("there are %d uploads a minute and %+v for acme, want 5 and one image", got, p.bounds.of("acme"))
	}
	put("tenants: { acme: { images: many } }")
	hangup(t, log, "all settings stay as they were")
	if p.bounds.of("acme").Images != 1 || !bytes.Contains(log.text.Bytes(), []byte("is no amount")) {
		t.Errorf("after a file that is wrong acme has %+v, want what it had", p.bounds.of("acme"))
	}
}
