package rest

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"imgd/core"
)

// local refuses what the page of a stranger has had a browser on this machine ask. It
// is for services that ask nobody for a token, where whoever asks is the administrator;
// a token is not sent by a browser of its own accord, so that nothing of this is needed
// where one is asked for.
func (s *Server) local(r *http.Request) error {
	if r.Host != "" && !s.hosts(r.Host) { // browsers always name the host
		return core.HostUnknown.Errorf("this service is not known by the name in Host: ask it by a loopback address, or have its operator add the name to IMGD_ALLOWED_HOSTS")
	}
	var guard http.CrossOriginProtection
	for _, o := range append(slices.Clone(s.Origins), s.origin()) {
		_ = guard.AddTrustedOrigin(o) // what is no origin is none that a browser names
	}
	if err := guard.Check(r); err != nil {
		return core.CrossSite.Errorf("a page of another site may not change anything here: have the operator list its origin in IMGD_CORS_ORIGINS").Because(err)
	}
	return nil
}

// hosts reports whether a Host names this service: a name that somebody else has let
// point here is the origin of their pages, which could read every answer.
func (s *Server) hosts(host string) bool {
	name := strings.ToLower(strings.TrimSuffix(hostname(host), "."))
	if a, err := netip.ParseAddr(name); err == nil && a.Unmap().IsLoopback() {
		return true
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	public := ""
	if u, err := url.Parse(s.PublicURL); err == nil {
		public = u.Hostname()
	}
	return name != "" && (strings.EqualFold(name, public) || slices.ContainsFunc(s.Hosts, func(h string) bool { return strings.EqualFold(h, name) }))
}

// hostname is a Host without its port.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// origin is that of our own pages, as browsers write it.
func (s *Server) origin() string {
	u, err := url.Parse(s.PublicURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + strings.ToLower(u.Host)
}
