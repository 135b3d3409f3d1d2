// Package authzen asks an external decision point, as the OpenID AuthZEN
// Authorization API 1.0 has it: one evaluation a question.
package authzen

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"imgd/core"
	"imgd/ports"
)

const (
	endpoint = "/access/v1/evaluation" // where a URL has no path
	maxBody  = 64 << 10
)

// Config says whom to ask.
type Config struct {
	URL     string
	Plain   bool          // http:// is taken for any address, and not only for loopback ones
	Token   string        // a bearer token, empty for none
	Timeout time.Duration // of one question; zero means 1.5 s
	Keep    int           // how many connections stay open while nobody uses them; 0: 64
}

// Policy asks a decision point.
type Policy struct {
	config Config
	client *http.Client
}

var _ ports.Policy = (*Policy)(nil)

// New makes a Policy. Nothing is asked yet.
func New(c Config) (*Policy, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return nil, errors.New("it has to be the http or https URL of an AuthZEN decision point")
	}
	if u.Scheme == "http" && !c.Plain && !here(u.Hostname()) {
		return nil, errors.New("http:// would let whoever stands between decide, and read the token: use https://; http:// is for loopback addresses, or for networks that you trust with IMGD_POLICY_PLAIN=true")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = endpoint
	}
	c.URL = u.String()
	if c.Timeout == 0 {
		c.Timeout = 1500 * time.Millisecond
	}
	return &Policy{c, &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: cmp.Or(c.Keep, 64), IdleConnTimeout: time.Minute},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// here reports whether a host is this machine.
func here(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Close lets go of idle connections.
func (p *Policy) Close() { p.client.CloseIdleConnections() }

// Allows asks. A caller that leaves does not end the question: its answer says
// whether the decision point is there.
func (p *Policy) Allows(ctx context.Context, q ports.Question) (bool, error) {
	if ctx.Err() != nil {
		return false, context.Cause(ctx)
	}
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.config.Timeout)
	defer cancel()
	allowed, err := p.evaluate(within, q)
	if err != nil {
		return false, core.Unavailable.Errorf("it cannot be told at the moment whether you may do this; try again").
			After(time.Second).Because(fmt.Errorf("the decision point: %w", err))
	}
	return allowed, nil
}

// Ping asks whether the service may ping itself. Any decision shows that somebody is
// there.
func (p *Policy) Ping(ctx context.Context) error {
	within, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	self := ports.Question{By: core.Principal{Subject: "imgd"}, Action: "ping", Type: "service", ID: "imgd"}
	_, err := p.evaluate(within, self)
	return err
}

// entity is a subject or a resource.
type entity struct {
	Type       string         `json:"type"`
	ID         string         `json:"id"`
	Properties map[string]any `json:"properties,omitempty"`
}

// evaluation is a request of the API.
type evaluation struct {
	Subject entity `json:"subject"`
	Action  struct {
		Name string `json:"name"`
	} `json:"action"`
	Resource entity `json:"resource"`
}

func asked(q ports.Question) (e evaluation) {
	e.Subject = entity{"user", q.By.Subject, map[string]any{"tenant": q.By.Tenant, "scopes": q.By.Scopes}}
	e.Action.Name = q.Action
	e.Resource = entity{q.Type, q.ID, map[string]any{"tenant": q.By.Tenant}}
	for name, v := range map[string]string{"bucket": q.Bucket, "owner": q.Owner} {
		if v != "" {
			e.Resource.Properties[name] = v
		}
	}
	return e
}

func (p *Policy) evaluate(ctx context.Context, q ports.Question) (bool, error) {
	body, err := json.Marshal(asked(q))
	if err != nil {
		return false, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.config.URL, bytes.NewReader(body))
	if err != nil {
		return false, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json")
	if p.config.Token != "" {
		r.Header.Set("Authorization", "Bearer "+p.config.Token)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return false, err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode != http.StatusOK {
		return false, fmt.Errorf("it answered %d", res.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return false, err
	case len(text) > maxBody:
		return false, fmt.Errorf("its answer has more than %d bytes", maxBody)
	}
	var answer struct {
		Decision *bool `json:"decision"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return false, fmt.Errorf("its answer is no decision: %w", err)
	}
	if answer.Decision == nil {
		return false, errors.New("its answer has no decision")
	}
	return *answer.Decision, nil
}
