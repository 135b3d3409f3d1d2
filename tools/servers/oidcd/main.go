// Command oidcd is an OpenID provider for tests: the provider of zitadel/oidc with the
// grant of client credentials, keys that tests rotate, and nothing that outlives it.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/zitadel/oidc/v3/pkg/op"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "where to listen; the issuer is http:// and what callers find it under")
	p := &provider{secret: os.Getenv("OIDCD_SECRET"), ttl: 5 * time.Minute}
	flag.StringVar(&p.client, "client", "robot", "the client, which is the subject of its tokens")
	flag.StringVar(&p.audience, "audience", "imgd", "whom its tokens are for")
	flag.StringVar(&p.tenant, "tenant", "acme", "their claim org_id")
	flag.Parse()
	if p.secret == "" {
		log.Fatal("OIDCD_SECRET is not set: it is the secret of the client")
	}
	h, err := p.handler()
	if err != nil {
		log.Fatal(err)
	}
	server := http.Server{Addr: *addr, Handler: h, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// handler is the provider, with controls for tests beside it.
func (p *provider) handler() (http.Handler, error) {
	if err := p.rotate(true); err != nil {
		return nil, err
	}
	standard, err := op.NewProvider(&op.Config{}, p, op.IssuerFromHost(""), op.WithAllowInsecure())
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", standard)
	// A new key signs from now on; the old ones stay published, or with drop they do not.
	mux.HandleFunc("POST /control/rotate", func(w http.ResponseWriter, r *http.Request) {
		if err := p.rotate(r.URL.Query().Has("drop")); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})
	mux.HandleFunc("POST /control/ttl", func(w http.ResponseWriter, r *http.Request) {
		ttl, err := time.ParseDuration(r.URL.Query().Get("is"))
		if err != nil {
			http.Error(w, fmt.Sprintf("is: %v", err), http.StatusBadRequest)
			return
		}
		p.live(ttl)
	})
	return mux, nil
}
