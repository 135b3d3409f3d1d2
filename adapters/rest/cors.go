package rest

import (
	"net/http"
	"slices"
	"strings"
)

// What pages of other origins may send and read. Credentials are not among it: a
// token is sent by those who hold it, and cookies are not looked at.
var (
	corsMethods = "GET, HEAD, POST, PATCH, DELETE"
	corsHeaders = strings.Join([]string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "Prefer", "Range", "X-Correlation-ID", "traceparent"}, ", ")
	corsExposed = strings.Join([]string{"Content-Disposition", "Content-Range", "ETag", "Idempotency-Replayed", "Link", "Location", "Preference-Applied",
		"RateLimit", "RateLimit-Policy", "Retry-After", "WWW-Authenticate", "X-Correlation-ID"}, ", ")
)

// cors lets pages of the listed origins read answers, and reports whether it has
// answered the request itself: a preflight.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(s.Origins, origin) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", corsExposed)
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", corsMethods)
	h.Set("Access-Control-Allow-Headers", corsHeaders)
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}
