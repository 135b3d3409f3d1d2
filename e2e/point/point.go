// Package point is a decision point as the OpenID AuthZEN evaluation API has it, for
// tests: it says yes unless it was told not to.
package point

import (
	"encoding/json"
	"net/http"
	"sync/atomic"
)

// Point answers evaluations. The zero value allows everything.
type Point struct {
	no     atomic.Pointer[map[string]bool]
	broken atomic.Bool
	asked  atomic.Int64
}

// Deny has it say no from now on to these, and to nothing else: an action and a type,
// such as "read image", the id of a resource, or "all". Without any it allows all.
func (p *Point) Deny(what ...string) {
	no := map[string]bool{}
	for _, w := range what {
		no[w] = true
	}
	p.no.Store(&no)
}

// Break has it answer nothing that is a decision, until it is mended.
func (p *Point) Break(broken bool) { p.broken.Store(broken) }

// Asked is how many evaluations there were.
func (p *Point) Asked() int64 { return p.asked.Load() }

// ServeHTTP decides.
func (p *Point) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.asked.Add(1)
	var q struct {
		Action   struct{ Name string }
		Resource struct{ Type, ID string }
	}
	if r.Method != http.MethodPost || r.URL.Path != "/access/v1/evaluation" || p.broken.Load() || json.NewDecoder(r.Body).Decode(&q) != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	var no map[string]bool
	if told := p.no.Load(); told != nil {
		no = *told
	}
	denied := no["all"] || no[q.Resource.ID] || no[q.Action.Name+" "+q.Resource.Type]
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]bool{"decision": !denied}) // the asker may be gone
}
