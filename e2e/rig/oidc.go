package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var providers = &component{
	name:     "OpenID provider",
	variable: "TEST_OIDC_ISSUER",
	image:    image{"TEST_IMAGE_OIDC", "imgd-test/oidcd"},
	given:    func() string { return os.Getenv("TEST_OIDC_ISSUER") },
	url:      func(addr string) string { return "http://" + addr },
	answers: func(ctx context.Context, issuer string) error {
		_, err := tokenEndpoint(ctx, issuer)
		return err
	},
	program: findOIDC,
	native: func(program, _, addr string, _ bool) (plan, error) {
		return plan{argv: []string{program, "-addr", addr}, env: []string{"OIDCD_SECRET=" + secret()}, death: syscall.SIGKILL}, nil
	},
	boxed: func(bool) box {
		return box{port: "9000/tcp", argv: []string{"-addr", ":9000"}, env: map[string]string{"OIDCD_SECRET": secret()}}
	},
}

// Provider is an OpenID provider, with a client that may have tokens for itself.
type Provider struct {
	Issuer   string
	Audience string // of its tokens
	client   string
	secret   string
	resource string // named when a token is asked for, where tokens are for one
}

// OIDC returns a provider that the tests of this process share: nobody changes it.
func OIDC(t testing.TB) Provider {
	t.Helper()
	issuer := providers.share(t)
	if issuer != os.Getenv("TEST_OIDC_ISSUER") {
		return providerAt(issuer)
	}
	p := Provider{Issuer: issuer, Audience: os.Getenv("TEST_OIDC_AUDIENCE"), client: os.Getenv("TEST_OIDC_CLIENT_ID"), secret: os.Getenv("TEST_OIDC_CLIENT_SECRET")}
	if p.Audience == "" || p.client == "" || p.secret == "" {
		t.Fatal("TEST_OIDC_ISSUER is set: TEST_OIDC_CLIENT_ID, TEST_OIDC_CLIENT_SECRET and TEST_OIDC_AUDIENCE have to be set too")
	}
	return p
}

// NewOIDC starts a provider of the test's own, whose keys it may change.
func NewOIDC(t testing.TB) (*Server, Provider) {
	t.Helper()
	s := providers.own(t)
	return s, providerAt(s.URL)
}

func providerAt(issuer string) Provider {
	return Provider{Issuer: issuer, Audience: "imgd", client: "robot", secret: secret()}
}

// Token is one of the client's own (the grant of client credentials), with scopes.
func (p Provider) Token(t testing.TB, scopes ...string) string {
	t.Helper()
	token, err := p.token(t.Context(), scopes)
	if err != nil {
		t.Fatalf("the provider gives no token: %v", err)
	}
	return token
}

func (p Provider) token(ctx context.Context, scopes []string) (string, error) {
	endpoint, err := tokenEndpoint(ctx, p.Issuer)
	if err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"client_credentials"}, "scope": {strings.Join(scopes, " ")}}
	if p.resource != "" {
		form.Set("resource", p.resource) // RFC 8707
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(p.client, p.secret)
	var answer struct {
		Token string `json:"access_token"`
	}
	err = answered(r, &answer)
	return answer.Token, err
}

// Rotate has the provider sign with a new key. The old ones stay published, or with
// drop they do not.
func (p Provider) Rotate(t testing.TB, drop bool) {
	t.Helper()
	if drop {
		p.control(t, "rotate?drop")
		return
	}
	p.control(t, "rotate")
}

// Live says for how long tokens are good from now on.
func (p Provider) Live(t testing.TB, ttl time.Duration) {
	t.Helper()
	p.control(t, "ttl?is="+ttl.String())
}

func (p Provider) control(t testing.TB, what string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Issuer+"/control/"+what, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := answered(r, nil); err != nil {
		t.Fatalf("the provider does not do as it is told: %v", err)
	}
}

func tokenEndpoint(ctx context.Context, issuer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return "", err
	}
	var metadata struct {
		Issuer string `json:"issuer"`
		Token  string `json:"token_endpoint"`
	}
	if err := answered(r, &metadata); err != nil {
		return "", err
	}
	if metadata.Issuer != issuer {
		return "", fmt.Errorf("it calls itself %q", metadata.Issuer)
	}
	return metadata.Token, nil
}

// answered sends a request and reads the answer, if it is one.
func answered(r *http.Request, into any) error {
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is answered %s", r.URL.Path, res.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// findOIDC looks where TEST_OIDCD says, and where `make servers` puts it.
func findOIDC() (string, error) {
	if p := os.Getenv("TEST_OIDCD"); p != "" {
		_, err := os.Stat(p)
		return p, err
	}
	if root, err := moduleRoot(); err == nil {
		if p := filepath.Join(root, ".cache", "servers", "oidcd"); isFile(p) {
			return p, nil
		}
	}
	p, err := exec.LookPath("oidcd")
	if err != nil {
		return "", errors.New("oidcd is not built")
	}
	return p, nil
}
