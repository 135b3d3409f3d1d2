package rest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"imgd/core"
)

// Rates are how often one principal may ask. The zero Rate is no limit.
type Rates struct {
	Uploads  core.Rate // of POST /v1/images
	Requests core.Rate // of every operation that is asked as a principal
}

// policy is a rate with its name in headers and problems.
type policy struct {
	name string
	core.Rate
}

// policies are those that an operation is limited by, the narrower first.
func (r Rates) policies(op *operation) (list []policy) {
	if op.route.Operation.OperationID == "uploadImage" && r.Uploads.Limit > 0 {
		list = append(list, policy{"uploads", r.Uploads})
	}
	if r.Requests.Limit > 0 {
		list = append(list, policy{"requests", r.Requests})
	}
	return list
}

// limit takes the request from what its principal may ask, whatever becomes of it
// later. It comes after the token has been checked, so that nobody spends what is
// another's.
func (s *Server) limit(op *operation, w http.ResponseWriter, r *http.Request) error {
	if s.Rates == nil {
		return nil
	}
	var said, left []string
	for _, p := range s.Rates().policies(op) {
		a, err := s.Limits.Take(r.Context(), p.key(callOf(r.Context()).by), p.Rate, 1)
		if err != nil {
			return err
		}
		said, left = append(said, p.said()), append(left, p.left(a))
		w.Header().Set("RateLimit-Policy", strings.Join(said, ", "))
		w.Header().Set("RateLimit", strings.Join(left, ", "))
		if !a.Allowed {
			return p.refusal(a)
		}
	}
	return nil
}

// key names the bucket of a principal. It is a hash, so that what strangers choose
// has one length wherever it is kept, and names nobody there. Whoever came without a
// token is told apart by where they come from, and by nothing else.
func (p policy) key(by core.Principal) string {
	who := p.name + "\x00" + by.Tenant + "\x00" + by.Subject
	if by.Link != nil || by.Anonymous() {
		who = p.name + "\x00\x00\x00" + neighbours(by.Address)
	}
	sum := sha256.Sum256([]byte(who))
	return hex.EncodeToString(sum[:16])
}

// neighbours are those who count as one: an address of IPv4, and 64 bits of one of IPv6,
// of which a single line has all the others to itself.
func neighbours(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

// said and left are the policy and what is left of it as structured fields
// (draft-ietf-httpapi-ratelimit-headers): q of them in every w seconds, r at once
// from now on, and all of them after t seconds.
func (p policy) said() string { return fmt.Sprintf("%q;q=%d;w=%d", p.name, p.Limit, seconds(p.Per)) }

func (p policy) left(a core.Allowance) string {
	return fmt.Sprintf("%q;r=%d;t=%d", p.name, a.Remaining, seconds(a.ResetAfter))
}

func (p policy) refusal(a core.Allowance) error {
	return core.Limited.Errorf("%d %s in %d seconds are allowed, and %d at once; try again after %d seconds", p.Limit, p.name, seconds(p.Per), p.AtOnce(), seconds(a.RetryAfter)).
		After(a.RetryAfter).With("policy", p.name).With("limit", p.Limit).With("window_seconds", seconds(p.Per)).With("burst", p.AtOnce())
}

// seconds are whole ones, and not too few of them.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }
