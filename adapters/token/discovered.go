package token

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"imgd/core"
)

// The figures of an issuer whose keys are fetched.
const (
	gap      = 30 * time.Second        // between two attempts to fetch, whatever is asked meanwhile
	retry    = 5 * time.Second         // the same after one that has failed
	refresh  = 5 * time.Minute         // after which keys are fetched anew: one that was dropped is no longer good
	keep     = 24 * time.Hour          // for which keys are good while the issuer is away
	patience = 4 * time.Second         // with one attempt
	held     = 1500 * time.Millisecond // for which a caller waits for one whose key is not known
	delayed  = 250 * time.Millisecond  // the same of a key that was good some minutes ago
	maxBody  = 1 << 20                 // bytes of an answer
	maxKeys  = 100                     // of one issuer
)

// Discovered are the keys of an OpenID provider, which are fetched when tokens come and
// not before. What tokens say never has them fetched more than once in 30 seconds, nor
// an issuer that does not answer asked more than once in five.
type Discovered struct {
	issuer string
	client *http.Client
	now    func() time.Time
	log    *slog.Logger

	life    context.Context // of attempts: a caller that leaves does not end one
	end     context.CancelFunc
	running sync.WaitGroup

	mu      sync.Mutex
	where   place
	keys    ring          // nil before the first were had
	fetched time.Time     // the keys
	asked   time.Time     // when the last attempt began
	took    time.Duration // by the last attempt that has ended
	failure error         // of it
	under   chan struct{} // closed at the end of the attempt under way; nil when there is none
}

// Discover returns the keys of an issuer. It asks nobody yet, so that a provider which
// is away keeps no service from starting.
func Discover(issuer string, now func() time.Time, log *slog.Logger) (*Discovered, error) {
	if err := fetchable(issuer); err != nil {
		return nil, err
	}
	d := &Discovered{issuer: issuer, client: bounded(), now: now, log: log}
	d.life, d.end = context.WithCancel(context.Background())
	return d, nil
}

// Close ends what is under way, and nothing begins after it.
func (d *Discovered) Close() {
	d.mu.Lock()
	d.end() // whoever asks holds the lock, and looks for this before they begin
	d.mu.Unlock()
	d.running.Wait()
	d.client.CloseIdleConnections()
}

// fetchable refuses an address whose answers somebody on the way could change.
func fetchable(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Opaque != "" {
		return fmt.Errorf("%q is not the URL of an issuer, such as https://login.example.com/realms/acme", address)
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return fmt.Errorf("%q has to begin with https://; http:// is for loopback addresses", address)
	}
	return nil
}

func (*Discovered) algorithms() []string { return slices.Sorted(maps.Keys(asymmetric)) }

func (d *Discovered) verify(ctx context.Context, f *form) error {
	if asymmetric[f.alg] == nil { // no key of any issuer is for it
		return forged(errors.New("of another algorithm"))
	}
	key, err := d.key(ctx, f.kid, f.alg)
	if err != nil {
		return err
	}
	if err := f.signedBy(key); err != nil {
		return forged(err)
	}
	return nil
}

// key returns the issuer's key of a name. One that is known is taken without a word for
// some minutes, and while the issuer is away for a day. For any other the issuer is
// asked, if that was not just done.
//
// Nobody waits for an issuer that is slow for longer than a moment, although the attempt
// goes on.
func (d *Discovered) key(ctx context.Context, kid, alg string) (crypto.PublicKey, error) {
	began := time.Now()
	for {
		k := d.look(kid, alg)
		switch {
		case k.key != nil && (k.fresh || k.under == nil || k.failure != nil):
			return k.key, nil
		case k.under != nil:
			most := held
			if k.key != nil {
				most = delayed
			}
			late := time.NewTimer(most - time.Since(began))
			select {
			case <-k.under:
				late.Stop()
			case <-ctx.Done():
				late.Stop()
				return nil, d.away(ctx.Err())
			case <-late.C:
				if k.key != nil {
					return k.key, nil
				}
				return nil, d.away(errors.New("it is slow to answer"))
			}
		case k.failure != nil || !k.any:
			return nil, d.away(k.failure)
		default:
			return nil, core.Unauthenticated.Errorf("the token is signed with a key that its issuer does not have")
		}
	}
}

// known is what is known of a key at a moment.
type known struct {
	key     crypto.PublicKey // nil when there is none of the name
	fresh   bool             // it needs nobody's word
	any     bool             // some keys of the issuer are known
	failure error
	under   chan struct{}
}

// look looks a key up, and has the issuer asked if it should be.
func (d *Discovered) look(kid, alg string) known {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.now()
	age := now.Sub(d.fetched)
	k := known{any: d.keys != nil && age < keep}
	if k.any {
		k.key = d.keys.find(kid, alg)
		k.fresh = age < refresh
	}
	if k.key == nil || !k.fresh {
		d.ask(now)
	}
	k.failure, k.under = d.failure, d.under
	return k
}

// ask starts an attempt, unless one is under way or was made just now.
func (d *Discovered) ask(now time.Time) {
	pause := gap
	if d.failure != nil {
		pause = retry
	}
	if d.under != nil || d.life.Err() != nil || !d.asked.IsZero() && now.Sub(d.asked) < pause {
		return
	}
	over := make(chan struct{})
	d.asked, d.under = now, over
	d.running.Go(func() {
		defer close(over)
		d.attempt(now)
	})
}

// attempt fetches the keys, and leaves those that were had if it fails.
func (d *Discovered) attempt(now time.Time) {
	ctx, cancel := context.WithTimeout(d.life, patience)
	defer cancel()
	d.mu.Lock()
	where := d.where
	d.mu.Unlock()
	began := time.Now()
	keys, where, err := d.fetch(ctx, where, now)
	took := time.Since(began)
	err = short(err)

	d.mu.Lock()
	defer d.mu.Unlock()
	d.under, d.failure, d.where, d.took = nil, err, where, took
	if err != nil {
		d.log.Warn("the keys of an issuer cannot be fetched", "issuer", d.issuer, "err", err, "known", len(d.keys))
		return
	}
	if d.keys == nil || !slices.Equal(d.keys.names(), keys.names()) {
		d.log.Info("the keys of an issuer are there", "issuer", d.issuer, "keys", keys.names())
	}
	d.keys, d.fetched = keys, now
}

// Health is how the last attempt went and when it was, the zero time before the first
// has ended. After a failure it has the issuer asked again, as seldom as ever: a service
// that nobody sends tokens to finds out too that its issuer is back.
func (d *Discovered) Health() (at time.Time, took time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure != nil {
		d.ask(d.now())
	}
	if d.keys == nil && d.failure == nil {
		return time.Time{}, 0, nil
	}
	return d.asked, d.took, d.failure
}

func (*Discovered) away(err error) error {
	return core.Unavailable.Errorf("the issuer of the token cannot be asked for its keys now; try again in a few seconds").Because(err).After(retry)
}
