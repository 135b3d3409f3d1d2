package token

import (
	"context"
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// place is where an issuer has its keys, and since when that is known.
type place struct {
	url   string
	since time.Time
}

// stay is for how long an issuer's keys are looked for in the same place.
const stay = time.Hour

// fetch fetches the keys. After a failure the place is forgotten: the issuer may have
// moved them.
func (d *Discovered) fetch(ctx context.Context, where place, now time.Time) (ring, place, error) {
	if where.url == "" || now.Sub(where.since) > stay {
		address, err := d.discover(ctx)
		if err != nil {
			return nil, place{}, err
		}
		where = place{address, now}
	}
	keys, err := d.download(ctx, where.url)
	if err != nil {
		return nil, place{}, fmt.Errorf("%s: %w", where.url, err)
	}
	return keys, where, nil
}

// discover reads the metadata of the issuer (OpenID Connect Discovery), which has to
// bear its name.
func (d *Discovered) discover(ctx context.Context) (string, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, d.client), d.issuer)
	if err != nil {
		return "", err
	}
	var metadata struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return "", err
	}
	if err := fetchable(metadata.Keys); err != nil {
		return "", fmt.Errorf("jwks_uri: %w", err)
	}
	if strings.HasPrefix(d.issuer, "https:") && !strings.HasPrefix(metadata.Keys, "https:") {
		return "", errors.New("jwks_uri leaves https")
	}
	return metadata.Keys, nil
}

func (d *Discovered) download(ctx context.Context, address string) (ring, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := d.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers %s", res.Status)
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return parseKeys(text)
}

// bounded is a client that reads at most a megabyte of an answer, and follows no
// redirect to where keys could not be had from.
func bounded() *http.Client {
	return &http.Client{
		Transport: narrow{http.DefaultTransport.(*http.Transport).Clone()},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || via[0].URL.Scheme == "https" && r.URL.Scheme != "https" {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

type narrow struct{ *http.Transport }

func (n narrow) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := n.Transport.RoundTrip(r)
	switch {
	case err != nil:
	case res.StatusCode != http.StatusOK: // go-oidc puts what is said besides into its error
		err = errors.Join(err, res.Body.Close())
		res.Body = http.NoBody
	default:
		res.Body = http.MaxBytesReader(nil, res.Body, maxBody)
	}
	return res, err
}

// maxTold is how much of an error is told, in bytes.
const maxTold = 300

// short is an error that holds what somebody else has sent as one short line. What it
// was made of can be found in it as before.
func short(err error) error {
	if err == nil {
		return nil
	}
	line := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, err.Error())
	if len(line) > maxTold {
		line = strings.ToValidUTF8(line[:maxTold], "") + "…"
	}
	return told{err, line}
}

type told struct {
	error
	line string
}

func (t told) Error() string { return t.line }
func (t told) Unwrap() error { return t.error }

// ring are the keys of an issuer by their names, each with the algorithms it is for.
type ring map[named]crypto.PublicKey

type named struct{ kid, alg string }

// find returns the key of a name; nil when there is none. A token that names none has
// it only from an issuer with a single key of the algorithm.
func (r ring) find(kid, alg string) (key crypto.PublicKey) {
	if kid != "" {
		return r[named{kid, alg}]
	}
	for name, k := range r {
		if name.alg != alg {
			continue
		}
		if key != nil {
			return nil
		}
		key = k
	}
	return key
}

// names are the ids of the keys, in order.
func (r ring) names() (list []string) {
	for name := range r {
		list = append(list, name.kid)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// parseKeys reads a JWK set (RFC 7517). What is no public key for signatures is passed
// over, for an issuer may have keys for other purposes and of kinds to come.
func parseKeys(text []byte) (ring, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		return nil, fmt.Errorf("it is no set of keys: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("it is no set of keys: it has no member keys")
	}
	if n := len(set.Keys); n > maxKeys {
		return nil, fmt.Errorf("it has %d keys; %d are too many", n, maxKeys+1)
	}
	keys := ring{}
	for _, one := range set.Keys {
		var k jose.JSONWebKey
		if err := k.UnmarshalJSON(one); err != nil || k.Use != "" && k.Use != "sig" {
			continue
		}
		names, err := algorithms(k.Key)
		if err != nil {
			continue
		}
		for _, alg := range names {
			if k.Algorithm == "" || k.Algorithm == alg {
				keys[named{k.KeyID, alg}] = k.Key
			}
		}
	}
	return keys, nil
}
