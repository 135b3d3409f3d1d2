package imgd

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
)

// sender sends requests, again where it has to and may.
type sender struct{ Options }

// Do sends a request until it is answered for good. An answer of 400 or more is a
// *Problem.
func (s *sender) Do(req *http.Request) (*http.Response, error) {
	for try := 1; ; try++ {
		resp, err := s.once(req)
		if err == nil {
			return resp, nil
		}
		wait, again := s.again(req, err, try)
		if !again {
			return nil, err
		}
		if lost := rewind(req); lost != nil {
			return nil, fmt.Errorf("%w (not sent again: %w)", err, lost)
		}
		if gone := sleep(req.Context(), wait); gone != nil {
			return nil, fmt.Errorf("%w; the answer before: %w", gone, err)
		}
	}
}

func (s *sender) once(req *http.Request) (*http.Response, error) {
	if s.Token != nil {
		token, err := s.Token(req.Context())
		if err != nil {
			return nil, &noToken{err}
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	resp, err := s.HTTP.Do(req) // #nosec G704 -- the caller's own address
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, read(resp)
	}
	return resp, nil
}

// again reports whether the same request may succeed, and how long to wait before it.
func (s *sender) again(req *http.Request, err error, try int) (wait time.Duration, again bool) {
	if try >= s.Tries || req.Context().Err() != nil {
		return 0, false
	}
	wait = min(s.Pause<<min(try-1, 16), s.Longest)
	wait = wait/2 + rand.N(wait/2+1) // #nosec G404 -- to spread callers, not to surprise them
	switch p := err.(type) {         //nolint:errorlint // once has made it
	case *noToken:
		return 0, false
	case *Problem:
		if p.RetryAfter > s.Longest {
			return 0, false
		}
		return max(wait, p.RetryAfter), p.passes(repeatable(req))
	default:
		return wait, repeatable(req)
	}
}

// passes reports whether waiting helps. A refusal by a rate says that nothing was
// done; of other answers that is not known.
func (p *Problem) passes(repeatable bool) bool {
	switch p.Status {
	case http.StatusTooManyRequests:
		return true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return repeatable
	}
	return p.Slug == IdempotencyInProgress
}

// repeatable reports whether doing it twice is the same as doing it once (RFC 9110,
// section 9.2.2), by its method or by its key.
func repeatable(req *http.Request) bool {
	switch req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return req.Header.Get("Idempotency-Key") != ""
}

// rewind makes the body ready to be sent again.
func rewind(req *http.Request) error {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	if req.GetBody == nil {
		return errSpent
	}
	body, err := req.GetBody()
	if err == nil {
		req.Body = body
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// noToken is why there is no token to send.
type noToken struct{ error }

func (e *noToken) Error() string { return "imgd: no token to send: " + e.error.Error() }
func (e *noToken) Unwrap() error { return e.error }
