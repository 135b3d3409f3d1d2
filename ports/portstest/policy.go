package portstest

import (
	"context"
	"testing"
	"time"

	"imgd/core"
	"imgd/ports"
)

// Decider is a policy under test, and the two hands on what it asks.
type Decider struct {
	ports.Policy
	// Allow makes the decision point say yes to subjects of this name alone.
	Allow func(subject string)
	// Break has it go wrong in some way until it is mended: slow, down, 500, garbage,
	// a string, no decision, redirect, endless.
	Break func(how string)
	Mend  func()
}

// Faults are the ways in which a decision point goes wrong.
var Faults = []string{"slow", "down", "500", "garbage", "a string", "no decision", "redirect", "endless"}

// Question is what subject asks to do with some image.
func Question(subject, action string) ports.Question {
	return ports.Question{By: core.Principal{Tenant: acme, Subject: subject, Scopes: []core.Scope{core.ScopeRead}}, Action: action, Type: "image", ID: "i-1", Bucket: "b", Owner: "ann"}
}

// Policy holds a policy to the promises of ports.Policy. open returns one that has
// been asked nothing.
func Policy(t *testing.T, open func(*testing.T) Decider) {
	t.Run("a question is answered as the decision point says", func(t *testing.T) {
		p := open(t)
		p.Allow("ann")
		for subject, want := range map[string]bool{"ann": true, "bob": false} {
			if got, err := p.Allows(t.Context(), Question(subject, "read")); got != want || err != nil {
				t.Errorf("%s may = %t, %v; want %t", subject, got, err, want)
			}
		}
	})
	for _, how := range Faults {
		t.Run("nothing is allowed while it is broken: "+how, func(t *testing.T) {
			p := open(t)
			p.Allow("ann")
			p.Break(how)
			for i := range 2 {
				began := time.Now()
				got, err := p.Allows(t.Context(), Question("ann", "read"))
				took := time.Since(began)
				if got || core.KindOf(err) != core.Unavailable || core.RetryAfter(err) <= 0 || took > 2100*time.Millisecond {
					t.Errorf("try %d = %t, %v after %s; want Unavailable with a time to wait, within 2.1 s", i+1, got, err, took)
				}
			}
			p.Mend()
			if got, err := p.Allows(t.Context(), Question("ann", "read")); !got || err != nil {
				t.Errorf("once mended ann may = %t, %v; want true: what was no answer is not remembered", got, err)
			}
		})
	}
	t.Run("a cancelled question is no yes", func(t *testing.T) {
		p := open(t)
		p.Allow("ann")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if got, err := p.Allows(ctx, Question("ann", "read")); got || err == nil {
			t.Errorf("ann may = %t, %v; want an error", got, err)
		}
	})
}
