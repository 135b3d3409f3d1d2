package token_test

import (
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/e2e/rig"
)

// TestARealProviderMayChangeItsKeysAndGoAway moves the reader's clock; the provider's
// goes as it does.
func TestARealProviderMayChangeItsKeysAndGoAway(t *testing.T) {
	server, p := rig.NewOIDC(t)
	p.Live(t, 100*time.Hour)
	var past atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(past.Load())) }
	passes := func(d time.Duration) { past.Add(int64(d)) }
	keys, err := token.Discover(p.Issuer, clock, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(keys.Close)
	r, err := token.New(clock, token.Issuer{Name: p.Issuer, Audience: p.Audience, Keys: keys, Tenants: byOrg})
	if err != nil {
		t.Fatal(err)
	}
	asks := func(text string, want core.Kind) {
		t.Helper()
		if _, err := r.Principal(t.Context(), text); core.KindOf(err) != want {
			t.Fatalf("%s after the start a token gives %v, want kind %q", time.Duration(past.Load()), err, want)
		}
	}
	// awaited is how long a token is refused before it is taken.
	awaited := func(text string) (took time.Duration) {
		t.Helper()
		for ; took <= time.Minute; took += 5 * time.Second {
			if _, err := r.Principal(t.Context(), text); err == nil {
				return took
			}
			passes(5 * time.Second)
		}
		t.Fatal("a new key is not taken within a minute")
		return 0
	}

	first := p.Token(t, "images:read")
	got, err := r.Principal(t.Context(), first)
	if err != nil || got.Tenant != "acme" || got.Subject != p.Issuer+"|robot" || !got.Has(core.ScopeRead) || got.Has(core.ScopeWrite) {
		t.Fatalf("its token names %+v, %v; want robot of acme who may read", got, err)
	}

	p.Rotate(t, false)
	second := p.Token(t, "images:read")
	t.Logf("a new key is taken after %s", awaited(second))
	asks(first, "")

	p.Rotate(t, true)
	third := p.Token(t, "images:read")
	t.Logf("a key that replaces the others is taken after %s", awaited(third))
	passes(5 * time.Minute)
	asks(third, "")
	asks(first, core.Unauthenticated)
	asks(second, core.Unauthenticated)

	server.Kill9()
	for range 60 {
		passes(time.Minute)
		asks(third, "")
	}
	asks(first, core.Unavailable) // it might be a key that is new
	server.Start()                // with keys that it has never had
	p.Live(t, 100*time.Hour)
	t.Logf("after an hour away its new key is taken after %s", awaited(p.Token(t, "images:read")))
}
