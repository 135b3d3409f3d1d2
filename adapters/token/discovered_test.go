package token_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"imgd/adapters/token"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// clock is moved by hand.
type clock struct{ past atomic.Int64 }

func (c *clock) now() time.Time         { return now.Add(time.Duration(c.past.Load())) }
func (c *clock) passes(d time.Duration) { c.past.Add(int64(d)) }

// inn is a provider with a reader of its tokens.
type inn struct {
	*provider
	clock
	reader ports.Tokens
	keys   *token.Discovered
}

func newInn(t testing.TB) *inn {
	t.Helper()
	i := &inn{provider: newProvider(t)}
	i.keys = discovered(t, i.provider, i.now)
	var err error
	if i.reader, err = token.New(i.now, token.Issuer{Name: i.URL, Audience: "imgd", Tenants: byOrg, Keys: i.keys}); err != nil {
		t.Fatal(err)
	}
	return i
}

// token is a good one by its claims, good for a week.
func (i *inn) token(s portstest.Signer, kid string) string {
	header := fmt.Sprintf(`{"alg":%q,"kid":%q}`, s.Alg, kid)
	if kid == "" {
		header = fmt.Sprintf(`{"alg":%q}`, s.Alg)
	}
	return s.Sign(header, claims(object{"iss": i.URL, "exp": now.Add(7 * 24 * time.Hour).Unix()}))
}

func (i *inn) asks(t *testing.T, text string, want core.Kind) {
	t.Helper()
	if _, err := i.reader.Principal(t.Context(), text); core.KindOf(err) != want {
		t.Fatalf("%s after the start, a token gives %v; want kind %q", time.Duration(i.past.Load()), err, want)
	}
}

func TestAProviderIsAskedWhenATokenComesAndNotBefore(t *testing.T) {
	i := newInn(t)
	k := portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"k": k})
	if n := i.asked(); n != 0 {
		t.Errorf("it was asked %d times before the first token", n)
	}
	for range 50 {
		i.asks(t, i.token(k, "k"), "")
	}
	if m, f := i.metadata.Load(), i.fetches.Load(); m != 1 || f != 1 {
		t.Errorf("its metadata were asked for %d times and its keys %d times, want once each", m, f)
	}
}

func TestAProviderThatIsAwayIsUnavailableAndFoundAgain(t *testing.T) {
	i := newInn(t)
	k := portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"k": k})
	i.isAway(true)
	for range 20 {
		_, err := i.reader.Principal(t.Context(), i.token(k, "k"))
		if core.KindOf(err) != core.Unavailable || core.RetryAfter(err) <= 0 {
			t.Fatalf("a token of a provider that never answered gives %v, want Unavailable with a time to wait", err)
		}
	}
	if n := i.asked(); n != 1 {
		t.Errorf("it was asked %d times in no time, want once", n)
	}
	i.isAway(false)
	i.passes(30 * time.Second)
	i.asks(t, i.token(k, "k"), "")
}

// A provider that failed is asked again by whoever looks how it does, though no token
// comes, and no more often than by tokens.
func TestTheHealthOfAProviderIsThatOfItsLastAttempt(t *testing.T) {
	i := newInn(t)
	k := portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"k": k})
	if at, _, err := i.keys.Health(); !at.IsZero() || err != nil || i.asked() != 0 {
		t.Errorf("before the first token it was heard of at %v (%v), and asked %d times", at, err, i.asked())
	}
	i.isAway(true)
	_, _ = i.reader.Principal(t.Context(), i.token(k, "k"))
	for range 20 {
		if at, _, err := i.keys.Health(); at.IsZero() || err == nil {
			t.Fatalf("of a provider that is away it says %v, %v", at, err)
		}
	}
	if n := i.asked(); n != 1 {
		t.Errorf("it was asked %d times in no time, want once", n)
	}
	i.isAway(false)
	i.passes(30 * time.Second)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		at, took, err := i.keys.Health()
		if err == nil {
			if !at.Equal(i.now()) || took <= 0 {
				t.Errorf("it was heard of at %v in %v, want now", at, took)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("it is back and not found: %v", err)
		}
	}
	if n := i.fetches.Load(); n != 1 {
		t.Errorf("its keys were fetched %d times, want once", n)
	}
}

func TestANewKeyIsTakenWithinAMinute(t *testing.T) {
	i := newInn(t)
	first, second := portstest.NewSigner("ES256", ""), portstest.NewSigner("EdDSA", "")
	i.publishes(map[string]portstest.Signer{"1": first})
	i.asks(t, i.token(first, "1"), "")
	i.passes(10 * time.Second)
	i.publishes(map[string]portstest.Signer{"1": first, "2": second})
	var took time.Duration
	for ; ; took += time.Second {
		if _, err := i.reader.Principal(t.Context(), i.token(second, "2")); err == nil {
			break
		}
		if took > time.Minute {
			t.Fatal("after a minute it is still refused")
		}
		i.passes(time.Second)
	}
	t.Logf("taken after %s", took)
	i.asks(t, i.token(first, "1"), "")
	if n := i.fetches.Load(); n != 2 {
		t.Errorf("the keys were fetched %d times, want twice", n)
	}
}

func TestADroppedKeyIsForgottenInMinutes(t *testing.T) {
	for name, quiet := range map[string]bool{"with traffic": false, "when nobody came meanwhile": true} {
		t.Run(name, func(t *testing.T) {
			i := newInn(t)
			first, second := portstest.NewSigner("ES256", ""), portstest.NewSigner("ES256", "")
			i.publishes(map[string]portstest.Signer{"1": first})
			i.asks(t, i.token(first, "1"), "")
			i.publishes(map[string]portstest.Signer{"2": second})
			for range 10 {
				i.passes(30 * time.Second)
				if !quiet {
					_, _ = i.reader.Principal(t.Context(), i.token(first, "1"))
				}
			}
			i.asks(t, i.token(first, "1"), core.Unauthenticated)
			i.asks(t, i.token(second, "2"), "")
		})
	}
}

func TestAProviderThatIsAwayForAnHourDoesNoHarm(t *testing.T) {
	for name, broken := range map[string]func(w http.ResponseWriter, r *http.Request) bool{
		"it answers 503":      func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(503); return true },
		"it answers a page":   func(w http.ResponseWriter, _ *http.Request) bool { _, _ = fmt.Fprint(w, "<html>"); return true },
		"it answers {}":       func(w http.ResponseWriter, _ *http.Request) bool { _, _ = fmt.Fprint(w, "{}"); return true },
		"it answers too much": func(w http.ResponseWriter, _ *http.Request) bool { _, _ = w.Write(make([]byte, 2<<20)); return true },
		"it sends elsewhere": func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "/", http.StatusFound)
			return true
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInn(t)
			k := portstest.NewSigner("ES256", "")
			i.publishes(map[string]portstest.Signer{"k": k})
			i.asks(t, i.token(k, "k"), "")
			i.mu.Lock()
			i.answer = broken
			i.mu.Unlock()
			before := i.asked()
			for range 1200 {
				i.passes(3 * time.Second)
				i.asks(t, i.token(k, "k"), "")
			}
			if n := i.asked() - before; n == 0 || n > 2*720 {
				t.Errorf("in an hour it was asked %d times; want some, and a try in 5 s at most", n)
			}
			i.passes(22*time.Hour + 50*time.Minute)
			i.asks(t, i.token(k, "k"), "")
			i.passes(20 * time.Minute)
			i.asks(t, i.token(k, "k"), core.Unavailable)
			i.mu.Lock()
			i.answer = nil
			i.mu.Unlock()
			i.passes(30 * time.Second)
			i.asks(t, i.token(k, "k"), "")
		})
	}
}

func TestNobodyWaitsForAProviderThatHangs(t *testing.T) {
	i := newInn(t)
	k := portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"k": k})
	i.asks(t, i.token(k, "k"), "")
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	i.mu.Lock()
	i.answer = func(http.ResponseWriter, *http.Request) bool { <-hang; return true }
	i.mu.Unlock()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := i.reader.Principal(ctx, i.token(k, "unknown")); err == nil || time.Since(began) > time.Second {
		t.Errorf("a new key gives %v after %s", err, time.Since(began))
	}
	i.passes(time.Minute)
	began = time.Now()
	i.asks(t, i.token(k, "k"), "")
	if took := time.Since(began); took > 100*time.Millisecond {
		t.Errorf("a token with a known key took %s while the provider hung", took)
	}
}

// TestForgedTokensDoNotMakeUsAskTheirIssuer sends 10,000 of them, half with a key id
// that is known, in two minutes of the reader's time; and a few hundred to go-oidc
// alone, which shows that they would.
func TestForgedTokensDoNotMakeUsAskTheirIssuer(t *testing.T) {
	i := newInn(t)
	real, eve := portstest.NewSigner("ES256", ""), portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"k": real})
	known, good := i.token(eve, "k"), i.token(real, "k")
	var running sync.WaitGroup
	var taken atomic.Int64
	for worker := range 4 {
		running.Go(func() {
			for n := range 2500 {
				text := known
				if n%2 == 0 {
					text = i.token(eve, fmt.Sprintf("%d-%d", worker, n))
				}
				if _, err := i.reader.Principal(t.Context(), text); err == nil {
					taken.Add(1)
				}
				i.passes(12 * time.Millisecond)
			}
		})
	}
	running.Wait()
	i.asks(t, good, "")
	if n, most := i.fetches.Load(), i.past.Load()/int64(30*time.Second)+1; n > most || n < 2 || taken.Load() > 0 {
		t.Errorf("%d were taken; the keys were fetched %d times in %s, want at most %d", taken.Load(), n, time.Duration(i.past.Load()), most)
	} else {
		t.Logf("10000 forged tokens in %s: %d fetches", time.Duration(i.past.Load()), n)
	}

	before := i.fetches.Load()
	alone := oidc.NewVerifier(i.URL, oidc.NewRemoteKeySet(t.Context(), i.URL+"/keys"), &oidc.Config{ClientID: "imgd", SupportedSigningAlgs: []string{"ES256"}, Now: i.now})
	for range 200 {
		if _, err := alone.Verify(t.Context(), known); err == nil {
			t.Fatal("go-oidc takes a forged token")
		}
	}
	if n := i.fetches.Load() - before; n <= 20 { // it shares a fetch that is not over yet
		t.Errorf("go-oidc alone fetched the keys %d times for 200 forged tokens: this test would show nothing", n)
	} else {
		t.Logf("200 forged tokens, go-oidc alone: %d fetches", n)
	}
}

func TestATokenWithoutAKeyIDNeedsTheOneKeyOfItsAlgorithm(t *testing.T) {
	i := newInn(t)
	one, two := portstest.NewSigner("ES256", ""), portstest.NewSigner("ES256", "")
	i.publishes(map[string]portstest.Signer{"1": one, "e": portstest.NewSigner("EdDSA", "")})
	i.asks(t, i.token(one, ""), "")
	i.publishes(map[string]portstest.Signer{"1": one, "2": two})
	i.passes(6 * time.Minute)
	i.asks(t, i.token(one, ""), core.Unauthenticated)
	i.asks(t, i.token(one, "1"), "")
}

func TestWhatIsNoPublicKeyForSignaturesIsPassedOver(t *testing.T) {
	i := newInn(t)
	k, weak := portstest.NewSigner("ES256", ""), portstest.NewSigner("HS256", secret)
	i.publishes(map[string]portstest.Signer{"k": k})
	i.mu.Lock()
	set, err := i.provider.keys[0].MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	body := `{"keys":[{"kty":"XYZ","kid":"new"},{"kty":"oct","kid":"oct","alg":"HS256","k":"YSBzZWNyZXQgdGhhdCBpcyBzaGFyZWQgd2l0aCB0aGUgaXNzdWVy"},7,` +
		strings.Replace(strings.Replace(string(set), `"sig"`, `"enc"`, 1), `"k"`, `"for-secrets"`, 1) + "," + string(set) + `]}`
	i.answer = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/keys" {
			_, _ = fmt.Fprint(w, body)
		}
		return r.URL.Path == "/keys"
	}
	i.mu.Unlock()
	i.asks(t, i.token(k, "k"), "")
	i.asks(t, i.token(k, "for-secrets"), core.Unauthenticated)
	i.asks(t, i.token(weak, "oct"), core.Unauthenticated)
}

func TestMetadataOfSomebodyElseAreNotBelieved(t *testing.T) {
	for name, metadata := range map[string]object{
		"of another issuer":                  {"issuer": "https://other.example.com", "jwks_uri": "/keys"},
		"with keys over http elsewhere":      {"jwks_uri": "http://keys.example.com/keys"},
		"with keys in a file":                {"jwks_uri": "file:///etc/passwd"},
		"without keys":                       {},
		"with an account in the keys' place": {"jwks_uri": "https://a:b@keys.example.com/"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInn(t)
			k := portstest.NewSigner("ES256", "")
			i.publishes(map[string]portstest.Signer{"k": k})
			i.answer = func(w http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path == "/keys" {
					return false
				}
				if metadata["issuer"] == nil {
					metadata["issuer"] = i.URL
				}
				if metadata["jwks_uri"] == "/keys" {
					metadata["jwks_uri"] = i.URL + "/keys"
				}
				_, _ = fmt.Fprint(w, asJSON(metadata))
				return true
			}
			i.asks(t, i.token(k, "k"), core.Unavailable)
			if n := i.fetches.Load(); n > 0 {
				t.Errorf("its keys were fetched %d times", n)
			}
		})
	}
}

func TestAProviderIsAskedOverHTTPSOnly(t *testing.T) {
	for address, good := range map[string]bool{
		"https://login.example.com":             true,
		"https://login.example.com/realms/acme": true,
		"https://tenant.auth0.example.com/":     true,
		"http://127.0.0.1:8080/default":         true,
		"http://[::1]:8080":                     true,
		"http://localhost:8080":                 true,
		"http://login.example.com":              false,
		"http://localhost.example.com":          false,
		"login.example.com":                     false,
		"https://":                              false,
		"https://login.example.com?x=y":         false,
		"https://login.example.com#x":           false,
		"https://ann:pw@login.example.com":      false,
		"ftp://login.example.com":               false,
		"":                                      false,
	} {
		d, err := token.Discover(address, time.Now, slog.Default())
		if (err == nil) != good {
			t.Errorf("%q gives %v, want it taken: %v", address, err, good)
		}
		if d != nil {
			d.Close()
		}
	}
}
