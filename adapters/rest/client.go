package rest

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// client is the address a request comes from: the peer's, or what the proxies say
// that are trusted. Nobody else is believed a word.
func (s *Server) client(r *http.Request) string {
	peer, ok := address(r.RemoteAddr)
	if !ok {
		return ""
	}
	if !s.trusted(peer) {
		return peer.String()
	}
	x, f := s.behind(peer, forwardedFor(r.Header)), s.behind(peer, forwarded(r.Header))
	switch {
	case len(r.Header.Values("Forwarded")) == 0:
		return x.String()
	case len(r.Header.Values("X-Forwarded-For")) == 0, x == f:
		return f.String()
	}
	return peer.String() // the proxy writes one of the two, and passes on whatever stands in the other
}

func (s *Server) trusted(a netip.Addr) bool {
	return slices.ContainsFunc(s.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// behind walks a chain of proxies back from the peer, to the last address that is
// none of them. What stands before it anybody may have written.
func (s *Server) behind(peer netip.Addr, chain []string) netip.Addr {
	for _, hop := range slices.Backward(chain) {
		a, ok := address(hop)
		if !ok {
			return peer
		}
		if peer = a; !s.trusted(a) {
			return a
		}
	}
	return peer
}

// maxHops is how much of a chain is read, counted from its end.
const maxHops = 32

// forwardedFor is the chain that X-Forwarded-For tells, the client first.
func forwardedFor(h http.Header) []string {
	return hops(strings.Join(h.Values("X-Forwarded-For"), ","))
}

// forwarded is the chain that Forwarded (RFC 7239) tells. A hop without a for is one
// that cannot be read, and so are those behind a quoted comma.
func forwarded(h http.Header) []string {
	chain := hops(strings.Join(h.Values("Forwarded"), ","))
	for i, hop := range chain {
		chain[i] = ""
		for pair := range strings.SplitSeq(hop, ";") {
			name, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
			if strings.EqualFold(name, "for") {
				chain[i] = strings.Trim(v, `"`)
			}
		}
	}
	return chain
}

func hops(list string) []string {
	if list == "" {
		return nil
	}
	chain := strings.Split(list, ",")
	return chain[max(0, len(chain)-maxHops):]
}

// address reads an IP address, with or without a port.
func address(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if p, err := netip.ParseAddrPort(text); err == nil {
		return p.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	return a.Unmap().WithZone(""), err == nil
}
