package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSizesAndSpans(t *testing.T) {
	for in, want := range map[string]Bytes{"0": 0, "1048576": 1 << 20, "100MiB": 100 << 20, "2GB": 2e9, "5 kB": 5000, "7B": 7} {
		var got Bytes
		if err := got.UnmarshalText([]byte(in)); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", in, got, err, want)
		}
	}
	for _, in := range []string{"", "x", "-1", "1.5MiB", "5XB", "9999999999GiB"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is taken as %d bytes", in, got)
		}
	}
	for in, want := range map[string]time.Duration{"250ms": 250 * time.Millisecond, "7d": 168 * time.Hour, "0.5d": 12 * time.Hour, "1h30m": 90 * time.Minute, "0s": 0} {
		var got Span
		if err := got.UnmarshalText([]byte(in)); err != nil || time.Duration(got) != want {
			t.Errorf("%q is %s, %v; want %s", in, got, err, want)
		}
	}
	for in, want := range map[Span]string{Span(time.Hour): "1h", Span(2 * time.Minute): "2m", Span(168 * time.Hour): "7d", Span(90 * time.Minute): "1h30m", Span(10 * time.Second): "10s", 0: "0s"} {
		if got := in.String(); got != want {
			t.Errorf("%d is written %s, want %s", in, got, want)
		}
	}
}

func TestEveryMistakeOfTheEnvironmentIsToldByName(t *testing.T) {
	mistakes := trial([]string{"IMGD_MAX_PIXELS=abc", "IMGD_LEASE=5x", "IMGD_FAIL_ON=foo", "IMGD_LISTEN=127.0.0.1:1", "OTHER=1"})
	if len(mistakes) != 3 {
		t.Fatalf("mistakes are %v, want three", mistakes)
	}
	for i, variable := range []string{"IMGD_MAX_PIXELS", "IMGD_FAIL_ON", "IMGD_LEASE"} {
		if !strings.HasPrefix(mistakes[i].Error(), variable+": ") {
			t.Errorf("mistake %d is %q, want it to begin with %s", i, mistakes[i], variable)
		}
	}
}

func defaults(t *testing.T) Settings {
	t.Helper()
	var c commands
	if _, err := newParser(&c).Parse([]string{"version"}); err != nil {
		t.Fatal(err)
	}
	return c.Settings
}

func TestTheDefaultsAreSound(t *testing.T) {
	s := defaults(t)
	if mistakes := s.Check(); len(mistakes) != 0 {
		t.Errorf("the defaults are refused: %v", mistakes)
	}
	if got := s.publicURL(); got != "http://127.0.0.1:8080" {
		t.Errorf("the public URL is %s", got)
	}
}

func TestWithoutAuthenticationOnlyLoopbackIsServed(t *testing.T) {
	for listen, fine := range map[string]bool{"127.0.0.1:80": true, "[::1]:80": true, "localhost:80": true, "0.0.0.0:80": false, ":80": false, "10.0.0.1:80": false, "example.org:80": false} {
		s := defaults(t)
		s.Listen = listen
		if mistakes := s.Check(); (len(mistakes) == 0) != fine {
			t.Errorf("IMGD_LISTEN=%s: %v", listen, mistakes)
		}
	}
}

func TestADecisionPointElsewhereIsAskedOverTLS(t *testing.T) {
	for address, fine := range map[string]bool{"https://decide.example.com": true, "http://127.0.0.1:8181": true, "http://opa.policy.svc:8181": false} {
		s := defaults(t)
		s.PolicyURL = address
		mistakes := s.Check()
		if (len(mistakes) == 0) != fine {
			t.Errorf("IMGD_POLICY_URL=%s: %v", address, mistakes)
		}
		if !fine && (!strings.HasPrefix(mistakes[0].Error(), "IMGD_POLICY_URL: ") || !strings.Contains(mistakes[0].Error(), "IMGD_POLICY_PLAIN=true")) {
			t.Errorf("IMGD_POLICY_URL=%s: %q does not say what to do", address, mistakes[0])
		}
		if s.PolicyPlain = true; len(s.Check()) != 0 {
			t.Errorf("IMGD_POLICY_URL=%s where the network is trusted: %v", address, s.Check())
		}
	}
}

func TestAllMistakesOfTheSettingsAreToldTogether(t *testing.T) {
	s := defaults(t)
	s.DatabaseURL, s.StorageURL, s.Listen, s.PublicURL = "mysql://x", "s3://x", "nowhere", "ftp://x"
	s.Formats, s.Lease, s.DecoderMem = []string{"bmp"}, 0, 1
	got := mistaken(s.Check()).Error()
	for _, variable := range []string{"IMGD_DATABASE_URL", "IMGD_STORAGE_URL", "IMGD_LISTEN", "IMGD_PUBLIC_URL", "IMGD_FORMATS", "IMGD_LEASE", "IMGD_DECODER_MEMORY"} {
		if !strings.Contains(got, variable+": ") {
			t.Errorf("%s is not among the mistakes:\n%s", variable, got)
		}
	}
}

func TestTheMemoryOfAllRendersIsNoLessThanThatOfOne(t *testing.T) {
	for text, fine := range map[string]bool{"0": true, "1GiB": false, "1279MiB": false, "1280MiB": true, "8GiB": true} {
		s := defaults(t)
		if err := s.RenderMem.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		mistakes := s.Check()
		if (len(mistakes) == 0) != fine {
			t.Errorf("IMGD_RENDER_MEMORY=%s: %v", text, mistakes)
		}
		if !fine && (!strings.HasPrefix(mistakes[0].Error(), "IMGD_RENDER_MEMORY: ") || !strings.Contains(mistakes[0].Error(), "1280MiB")) {
			t.Errorf("IMGD_RENDER_MEMORY=%s: %q does not say how much it has to be", text, mistakes[0])
		}
	}
}

func TestSecretsAreRedacted(t *testing.T) {
	for _, secret := range []string{"postgres://u:hunter2@h/db", "s3://b?secret_key=hunter2"} {
		if got := redact(secret); strings.Contains(got, "hunter2") {
			t.Errorf("%s is shown as %s", secret, got)
		}
	}
}

func TestNamesOfTheServiceAreNamesAlone(t *testing.T) {
	for name, good := range map[string]bool{
		"imgd.test": true, "10.1.2.3": true, "fd00::1": true, "Imgd": true,
		"https://imgd.test": false, "imgd.test:80": false, "*.imgd.test": false, "imgd.test/": false, "a b": false, "u@imgd.test": false,
	} {
		s := defaults(t)
		s.Hosts = []string{name}
		if mistakes := s.Check(); (len(mistakes) == 0) != good || !good && !strings.HasPrefix(mistakes[0].Error(), "IMGD_ALLOWED_HOSTS: ") {
			t.Errorf("IMGD_ALLOWED_HOSTS=%q gives %v", name, mistakes)
		}
	}
}

func TestHelpNamesAllThatAHangupRenews(t *testing.T) {
	_, list, _ := strings.Cut(about(), "they name: ")
	renewed := strings.Split(strings.TrimSuffix(list, "."), ", ")
	for _, s := range settings() {
		if slices.Contains(renewed, s.Variable) != s.Renewed {
			t.Errorf("%s is renewed at SIGHUP: %v, and help says otherwise: %v", s.Variable, s.Renewed, renewed)
		}
	}
	for _, want := range []string{"IMGD_PRESETS", "IMGD_QUOTAS", "IMGD_LOG_LEVEL", "IMGD_LINK_KEYS"} {
		if !slices.Contains(renewed, want) {
			t.Errorf("help does not name %s: %v", want, renewed)
		}
	}
}
