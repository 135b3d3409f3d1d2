package rest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"imgd/adapters/rest"
)

func TestReadinessTellsRequiredFromOptional(t *testing.T) {
	var database, hints error
	draining := false
	s := open(t, func(s *rest.Server) {
		s.Checks = []rest.Check{
			{Name: "database", Required: true, Ask: func(context.Context) error { return database }},
			{Name: "hints", Ask: func(context.Context) error { return hints }},
		}
		s.Draining = func() bool { return draining }
	})
	type readiness struct {
		Status string
		Checks []struct {
			Name string
			OK   bool
		}
	}
	if r := read[readiness](t, s.get(t, "/readyz", "Authorization", "").want(t, 200)); r.Status != "ready" || len(r.Checks) != 2 {
		t.Errorf("readiness is %+v", r)
	}
	hints = errors.New("cable pulled")
	if r := read[readiness](t, s.get(t, "/readyz").want(t, 200)); r.Status != "degraded" || !r.Checks[0].OK || r.Checks[1].OK {
		t.Errorf("without hints readiness is %+v, want degraded", r)
	}
	database = errors.New("cable pulled")
	a := s.get(t, "/readyz").want(t, 503)
	if a.slug() != "unavailable" || !strings.Contains(a.detail(), "database") || a.Header.Get("Retry-After") == "" {
		t.Errorf("without a database readiness is %s", a.body)
	}
	draining = true
	if a := s.get(t, "/readyz").want(t, 503); a.slug() != "shutting-down" {
		t.Errorf("while stopping readiness is %s", a.slug())
	}
	s.get(t, "/livez").want(t, 200)
}

// lookedAt is what readiness says of a check.
type lookedAt struct {
	Name, State, Breaker string
	OK                   bool
	LatencyMS            *float64   `json:"latency_ms"`
	CheckedAt            *time.Time `json:"checked_at"`
}

func TestVerboseReadinessTellsHowEachPartDoes(t *testing.T) {
	heard := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	pulled := errors.New("dial tcp 10.1.2.3:9000: cable pulled")
	var store error
	s := open(t, func(s *rest.Server) {
		s.Checks = []rest.Check{
			{Name: "database", Required: true, Ask: func(context.Context) error { time.Sleep(20 * time.Millisecond); return nil }},
			{Name: "store", Ask: func(context.Context) error { return store }},
			{Name: "issuers", Ask: func(context.Context) error { return nil }, Last: func() (time.Time, time.Duration) { return time.Time{}, 0 }},
			{Name: "known issuers", Ask: func(context.Context) error { return nil }, Last: func() (time.Time, time.Duration) { return heard, 7 * time.Millisecond }},
		}
		s.Breakers = func() []rest.Breaker { return []rest.Breaker{{Name: "store", State: "open"}} }
	})
	store = pulled
	a := s.get(t, "/readyz?verbose", "Authorization", "Bearer admin").want(t, 200)
	checks := read[struct{ Checks []lookedAt }](t, a).Checks
	if len(checks) != 4 {
		t.Fatalf("readiness is %s", a.body)
	}
	if c := checks[0]; c.State != "up" || c.Breaker != "" || c.LatencyMS == nil || *c.LatencyMS < 20 || c.CheckedAt == nil || time.Since(*c.CheckedAt) > time.Minute {
		t.Errorf("the database is %s, want up since just now, after 20 ms", a.body)
	}
	if c := checks[1]; c.State != "down" || c.OK || c.Breaker != "open" || c.LatencyMS == nil {
		t.Errorf("the store is %+v, want down behind an open breaker", c)
	}
	if c := checks[2]; c.State != "unknown" || !c.OK || c.LatencyMS != nil || c.CheckedAt != nil {
		t.Errorf("issuers that nobody asked are %+v", c)
	}
	if c := checks[3]; c.State != "up" || !c.OK || c.Breaker != "" || c.LatencyMS == nil || *c.LatencyMS != 7 || !c.CheckedAt.Equal(heard) {
		t.Errorf("issuers that somebody has asked are %+v", c)
	}
	for _, gossip := range []string{"10.1.2.3", "cable", "dial"} {
		if strings.Contains(string(a.body), gossip) {
			t.Errorf("readiness tells of %q: %s", gossip, a.body)
		}
	}
	plain := s.get(t, "/readyz", "Authorization", "Bearer nobody").want(t, 200) // a token is nothing to a probe
	for _, word := range []string{"latency_ms", "state", "breaker", "checked_at"} {
		if strings.Contains(string(plain.body), word) {
			t.Errorf("without verbose, readiness tells of %s: %s", word, plain.body)
		}
	}
}

func TestWhoMayAskForVerboseReadiness(t *testing.T) {
	for _, query := range []string{"?verbose", "?verbose=", "?verbose=1", "?verbose=true"} {
		s := open(t)
		s.get(t, "/readyz"+query, "Authorization", "").want(t, 401)
		s.get(t, "/readyz"+query, "Authorization", "Bearer ann").want(t, 403)
		s.get(t, "/readyz"+query, "Authorization", "Bearer admin").want(t, 200)
	}
	open(t).get(t, "/readyz?verbose=yes").want(t, 400)
}

// What a 503 has of the checks is what was asked for, too.
func TestVerboseReadinessWithoutADatabase(t *testing.T) {
	s := open(t, func(s *rest.Server) {
		s.Checks = []rest.Check{{Name: "database", Required: true, Ask: func(context.Context) error { return errors.New("cable pulled") }}}
	})
	a := s.get(t, "/readyz?verbose", "Authorization", "Bearer admin").want(t, 503)
	if checks := read[struct{ Checks []lookedAt }](t, a).Checks; len(checks) != 1 || checks[0].State != "down" || checks[0].LatencyMS == nil {
		t.Errorf("readiness is %s", a.body)
	}
}
