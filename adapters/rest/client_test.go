package rest

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyATrustedProxyIsBelievedWhoAsks(t *testing.T) {
	s := &Server{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}
	for name, c := range map[string]struct {
		peer string
		x, f []string
		want string
	}{
		"nobody between":                {peer: "192.0.2.1:4000", want: "192.0.2.1"},
		"a liar":                        {peer: "192.0.2.1:4000", x: []string{"203.0.113.9"}, f: []string{"for=203.0.113.9"}, want: "192.0.2.1"},
		"a proxy":                       {peer: "10.1.2.3:4000", x: []string{"203.0.113.9"}, want: "203.0.113.9"},
		"a proxy that says nothing":     {peer: "10.1.2.3:4000", want: "10.1.2.3"},
		"a proxy of a liar":             {peer: "10.1.2.3:4000", x: []string{"127.0.0.1, 203.0.113.9"}, want: "203.0.113.9"},
		"a liar who names a proxy":      {peer: "10.1.2.3:4000", x: []string{"198.51.100.1, 10.9.9.9, 203.0.113.9"}, want: "203.0.113.9"},
		"two proxies":                   {peer: "10.1.2.3:4000", x: []string{"198.51.100.1, 203.0.113.9, 10.4.5.6"}, want: "203.0.113.9"},
		"two headers":                   {peer: "10.1.2.3:4000", x: []string{"198.51.100.1", "203.0.113.9, 10.4.5.6"}, want: "203.0.113.9"},
		"only proxies":                  {peer: "10.1.2.3:4000", x: []string{"10.7.7.7, 10.4.5.6"}, want: "10.7.7.7"},
		"a word":                        {peer: "10.1.2.3:4000", x: []string{"203.0.113.9, unknown"}, want: "10.1.2.3"},
		"a word further away":           {peer: "10.1.2.3:4000", x: []string{"nonsense, 203.0.113.9"}, want: "203.0.113.9"},
		"a line break":                  {peer: "10.1.2.3:4000", x: []string{"203.0.113.9\n1.1.1.1"}, want: "10.1.2.3"},
		"a port":                        {peer: "10.1.2.3:4000", x: []string{"203.0.113.9:80"}, want: "203.0.113.9"},
		"version 6":                     {peer: "[fd00::1]:4000", x: []string{"2001:db8::7"}, want: "2001:db8::7"},
		"version 4 in 6":                {peer: "[::ffff:10.1.2.3]:4000", x: []string{"::ffff:203.0.113.9"}, want: "203.0.113.9"},
		"RFC 7239":                      {peer: "10.1.2.3:4000", f: []string{`For="[2001:db8:cafe::17]:4711";proto=https, for=10.4.5.6;by=10.1.2.3`}, want: "2001:db8:cafe::17"},
		"RFC 7239, hidden":              {peer: "10.1.2.3:4000", f: []string{"for=_gazonk"}, want: "10.1.2.3"},
		"RFC 7239 without a for":        {peer: "10.1.2.3:4000", f: []string{"for=203.0.113.9, proto=https"}, want: "10.1.2.3"},
		"both, of one mind":             {peer: "10.1.2.3:4000", x: []string{"203.0.113.9"}, f: []string{"for=203.0.113.9"}, want: "203.0.113.9"},
		"both, and one was sent along":  {peer: "10.1.2.3:4000", x: []string{"203.0.113.9"}, f: []string{"for=127.0.0.1"}, want: "10.1.2.3"},
		"both, and the other was":       {peer: "10.1.2.3:4000", x: []string{"127.0.0.1"}, f: []string{"for=203.0.113.9"}, want: "10.1.2.3"},
		"a socket that has no address":  {peer: "@", x: []string{"203.0.113.9"}, want: ""},
		"a zone, which is nobody's own": {peer: "[fe80::1%eth0]:4000", want: "fe80::1"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.x, "Forwarded": c.f}}
		if got := s.client(r); got != c.want {
			t.Errorf("%s: the client is %q, want %q", name, got, c.want)
		}
	}
	r := &http.Request{RemoteAddr: "10.1.2.3:4000", Header: http.Header{"X-Forwarded-For": {"203.0.113.9"}}}
	if got := (&Server{}).client(r); got != "10.1.2.3" {
		t.Errorf("where no proxy is trusted the client is %q, want the peer", got)
	}
}
