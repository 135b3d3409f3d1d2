package rest

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// How slowly a body may come.
const (
	bodyIdle  = time.Minute      // the default of Server.BodyIdle
	bodyGrace = 10 * time.Second // before the rate counts
	bodyRate  = 8 << 10          // bytes a second, on average after the grace
	bodyRest  = 5 * time.Second  // for what is left of a refused body
)

// paced is a body that has to keep coming: a silence ends it, and so does a
// trickle. Only time spent waiting for the client counts. Its errors have a kind.
type paced struct {
	io.ReadCloser
	conn   *http.ResponseController
	idle   time.Duration
	waited time.Duration
	read   int64
	ended  bool
	now    func() time.Time
}

func (s *Server) paced(w http.ResponseWriter, body io.ReadCloser) *paced {
	idle := s.BodyIdle
	if idle <= 0 {
		idle = bodyIdle
	}
	return &paced{ReadCloser: body, conn: http.NewResponseController(w), idle: idle, now: time.Now}
}

// Read reads before the next deadline.
func (p *paced) Read(b []byte) (int, error) {
	start := p.now()
	_ = p.conn.SetReadDeadline(start.Add(p.patience())) // a writer of a test has none
	n, err := p.ReadCloser.Read(b)
	p.waited += p.now().Sub(start)
	p.read += int64(n)
	if err == nil {
		return n, nil
	}
	_ = p.conn.SetReadDeadline(time.Time{}) // else it would end the connection while the answer is made
	if errors.Is(err, io.EOF) {
		p.ended = true
		return n, err
	}
	return n, explain(err)
}

// patience is how long the next bytes may take.
func (p *paced) patience() time.Duration {
	earned := bodyGrace + time.Duration(float64(p.read)/bodyRate*float64(time.Second))
	return max(0, min(p.idle, earned-p.waited))
}

// done bounds what the server may yet read of a body that was not wanted.
func (p *paced) done() {
	if !p.ended {
		_ = p.conn.SetReadDeadline(p.now().Add(bodyRest))
	}
}
