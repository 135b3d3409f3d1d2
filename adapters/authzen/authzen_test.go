package authzen_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/adapters/authzen"
	"imgd/adapters/resilience"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// point is a small decision point: it says yes to one subject.
type point struct {
	mu     sync.Mutex
	allow  string
	broken string
	asked  []map[string]any
	heads  []http.Header
	end    chan struct{}
}

func (p *point) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var q struct {
		Subject struct{ ID string }
	}
	text, _ := io.ReadAll(r.Body)
	var all map[string]any
	if r.Method != http.MethodPost || r.URL.Path != "/access/v1/evaluation" || json.Unmarshal(text, &q) != nil || json.Unmarshal(text, &all) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	p.asked, p.heads = append(p.asked, all), append(p.heads, r.Header)
	broken, allowed := p.broken, q.Subject.ID == p.allow
	p.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch broken {
	case "slow":
		select {
		case <-r.Context().Done():
		case <-p.end:
		}
	case "down":
		panic(http.ErrAbortHandler)
	case "500":
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = io.WriteString(w, `{"decision": true}`)
	case "garbage":
		_, _ = io.WriteString(w, "<html>decision: true")
	case "a string":
		_, _ = io.WriteString(w, `{"decision": "true"}`)
	case "no decision":
		_, _ = io.WriteString(w, `{"allowed": true, "context": {}}`)
	case "redirect":
		http.Redirect(w, r, "/yes", http.StatusFound)
	case "endless":
		_, _ = io.WriteString(w, `{"decision": true, "context": "`+strings.Repeat("x", 100<<10)+`"}`)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"decision": allowed})
	}
}

func (p *point) set(to *string, v string) { p.mu.Lock(); defer p.mu.Unlock(); *to = v }
func (p *point) count() int               { p.mu.Lock(); defer p.mu.Unlock(); return len(p.asked) }

func open(t *testing.T) (*point, *authzen.Policy) {
	t.Helper()
	p := &point{end: make(chan struct{})}
	s := httptest.NewServer(p)
	policy, err := authzen.New(authzen.Config{URL: s.URL, Token: "of-imgd"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(p.end); policy.Close(); s.Close() })
	return p, policy
}

func TestPolicy(t *testing.T) {
	portstest.Policy(t, func(t *testing.T) portstest.Decider {
		p, policy := open(t)
		return portstest.Decider{Policy: policy, Allow: func(s string) { p.set(&p.allow, s) }, Break: func(how string) { p.set(&p.broken, how) }, Mend: func() { p.set(&p.broken, "") }}
	})
}

func TestCache(t *testing.T) {
	portstest.Policy(t, func(t *testing.T) portstest.Decider {
		p, policy := open(t)
		c := &authzen.Cache{Policy: policy, Allow: time.Minute, Deny: 2 * time.Minute, Keep: 100, Now: time.Now}
		return portstest.Decider{Policy: c, Allow: func(s string) { p.set(&p.allow, s) }, Break: func(how string) { p.set(&p.broken, how) }, Mend: func() { p.set(&p.broken, "") }}
	})
}

func TestPolicyBehindABreaker(t *testing.T) {
	portstest.Policy(t, func(t *testing.T) portstest.Decider {
		p, bare := open(t)
		policy := &resilience.Policy{Policy: bare, Breaker: resilience.NewBreaker(resilience.Config{Name: "decision point", Pause: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})}
		return portstest.Decider{Policy: policy, Allow: func(s string) { p.set(&p.allow, s) }, Break: func(how string) { p.set(&p.broken, how) }, Mend: func() { p.set(&p.broken, "") }}
	})
}

func TestPolicyBehindABreakerAndABulkhead(t *testing.T) {
	portstest.Policy(t, func(t *testing.T) portstest.Decider {
		p, bare := open(t)
		b := resilience.NewBulkhead(resilience.BulkheadConfig{Name: "decision point", Calls: 1})
		t.Cleanup(func() {
			if n := b.Calls(); n != 0 {
				t.Errorf("when all is over %d questions are under way", n)
			}
		})
		guarded := &resilience.Policy{Policy: bare, Breaker: resilience.NewBreaker(resilience.Config{Name: "decision point", Pause: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})}
		policy := &resilience.BoundedPolicy{Policy: guarded, Bulkhead: b}
		return portstest.Decider{Policy: policy, Allow: func(s string) { p.set(&p.allow, s) }, Break: func(how string) { p.set(&p.broken, how) }, Mend: func() { p.set(&p.broken, "") }}
	})
}

func TestADecisionPointThatHangsHoldsUpSoManyAndNoMore(t *testing.T) {
	p, bare := open(t)
	const calls, callers = 8, 200
	b := resilience.NewBulkhead(resilience.BulkheadConfig{Name: "decision point", Calls: calls, Wait: time.Second})
	breaker := resilience.NewBreaker(resilience.Config{Name: "decision point", Failures: calls + 1, Log: slog.New(slog.DiscardHandler)})
	policy := &resilience.BoundedPolicy{Policy: &resilience.Policy{Policy: bare, Breaker: breaker}, Bulkhead: b}
	p.set(&p.allow, "ann")
	ask := func() (refused, failed, allowed int) {
		var mu sync.Mutex
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				yes, err := policy.Allows(t.Context(), portstest.Question("ann", "read"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, ports.ErrNotAsked) && core.RetryAfter(err) > 0:
					refused++
				case core.KindOf(err) == core.Unavailable:
					failed++
				case yes && err == nil:
					allowed++
				}
			})
		}
		wg.Wait()
		return refused, failed, allowed
	}
	p.set(&p.broken, "slow")
	if refused, failed, _ := ask(); p.count() != calls || failed != calls || refused != callers-calls {
		t.Errorf("of %d questions %d were asked, %d had no answer and %d were refused; want %d, %d and the rest", callers, p.count(), failed, refused, calls, calls)
	}
	if breaker.Away() {
		t.Error("who was refused counts as a failure of the decision point")
	}
	p.set(&p.broken, "")
	if _, _, allowed := ask(); allowed != callers {
		t.Errorf("once it is well %d of %d are allowed", allowed, callers)
	}
}

func TestTheDecisionPointIsToldWhoWhatAndWhichObject(t *testing.T) {
	p, policy := open(t)
	if _, err := policy.Allows(t.Context(), portstest.Question("ann", "read")); err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(p.asked[0])
	want := `{"action":{"name":"read"},"resource":{"id":"i-1","properties":{"bucket":"b","owner":"ann","tenant":"acme"},"type":"image"},` +
		`"subject":{"id":"ann","properties":{"scopes":["images:read"],"tenant":"acme"},"type":"user"}}`
	if string(got) != want || p.heads[0].Get("Authorization") != "Bearer of-imgd" {
		t.Errorf("it was asked, as %s,\n%s, want\n%s", p.heads[0].Get("Authorization"), got, want)
	}
}

func TestADecisionPointIsAskedOverTLSUnlessItIsHere(t *testing.T) {
	for address, want := range map[string]bool{
		"https://decide.example.com": true, "http://127.0.0.1:8181": true, "http://[::1]:8181/v1": true, "http://localhost": true,
		"http://decide.example.com": false, "http://10.0.0.7:8181": false, "http://localhost.example.com": false, "http://127.0.0.1.example.com": false,
		"ftp://localhost": false, "localhost:8181": false, "https://user:secret@decide.example.com": false,
	} {
		if _, err := authzen.New(authzen.Config{URL: address}); (err == nil) != want {
			t.Errorf("%s = %v, taken: want %t", address, err, want)
		}
	}
	if _, err := authzen.New(authzen.Config{URL: "http://10.0.0.7:8181", Plain: true}); err != nil {
		t.Errorf("where the network is trusted = %v", err)
	}
}

func TestABrokenDecisionPointIsNotAskedForAWhileAndThenOnce(t *testing.T) {
	p, bare := open(t)
	const pause = 200 * time.Millisecond
	policy := &resilience.Policy{Policy: bare, Breaker: resilience.NewBreaker(resilience.Config{Name: "decision point", Pause: pause, Log: slog.New(slog.DiscardHandler)})}
	p.set(&p.allow, "ann")
	p.set(&p.broken, "500")
	ask := func() error {
		got, err := policy.Allows(t.Context(), portstest.Question("ann", "read"))
		if got != (err == nil) {
			t.Errorf("may = %t, %v", got, err)
		}
		return err
	}
	for range 30 {
		if err := ask(); core.KindOf(err) != core.Unavailable {
			t.Fatalf("a broken decision point = %v, want Unavailable", err)
		}
	}
	if n := p.count(); n != 5 {
		t.Errorf("it was asked %d times of 30, want 5", n)
	}
	before := p.count()
	time.Sleep(pause + 50*time.Millisecond) // then one is sent ahead, and finds it broken still
	for range 5 {
		_ = ask()
	}
	if n := p.count() - before; n != 1 {
		t.Errorf("after the pause it was asked %d times of 5, want once", n)
	}
	p.set(&p.broken, "")
	time.Sleep(pause + 50*time.Millisecond)
	for range 5 {
		if err := ask(); err != nil {
			t.Errorf("once mended = %v", err)
		}
	}
}

func TestAnswersHoldForAsLongAsTheSettingsSay(t *testing.T) {
	p, policy := open(t)
	p.set(&p.allow, "ann")
	now := time.Now()
	c := &authzen.Cache{Policy: policy, Allow: time.Minute, Deny: 2 * time.Minute, Keep: 100, Now: func() time.Time { return now }}
	ask := func(subject string) bool {
		got, err := c.Allows(t.Context(), portstest.Question(subject, "read"))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	ask("ann")
	ask("bob")
	p.set(&p.allow, "bob")
	for _, step := range []struct {
		after    time.Duration
		ann, bob bool
		asked    int
	}{{0, true, false, 2}, {59 * time.Second, true, false, 2}, {time.Second, false, false, 3}, {time.Minute, false, true, 4}} {
		now = now.Add(step.after)
		if ann, bob := ask("ann"), ask("bob"); ann != step.ann || bob != step.bob || p.count() != step.asked {
			t.Errorf("%s later ann may %t and bob %t, asked %d times; want %t, %t, %d", step.after, ann, bob, p.count(), step.ann, step.bob, step.asked)
		}
	}
}

func TestTheMemoryOfAnswersIsBounded(t *testing.T) {
	_, policy := open(t)
	c := &authzen.Cache{Policy: policy, Allow: time.Minute, Deny: time.Minute, Keep: 10, Now: time.Now}
	for i := range 50 {
		if _, err := c.Allows(t.Context(), portstest.Question(strings.Repeat("x", i+1), "read")); err != nil {
			t.Fatal(err)
		}
		if n := c.Known(); n > 10 {
			t.Fatalf("%d answers are remembered, want 10 at most", n)
		}
	}
}
