package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// stack is deploy/compose.yaml as far as the tests look at it.
type stack struct {
	Services map[string]struct {
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Privileged  bool
		User        string
		Environment map[string]string
		Secrets     []string
		Ports       []string
		Networks    []string
		Healthcheck struct{ Disable bool }
		Deploy      struct {
			Replicas  int
			Resources struct{ Limits struct{ Memory string } }
		}
	}
	Networks map[string]struct{ Internal bool }
	Secrets  map[string]struct{ File string }
}

func readStack(t *testing.T) (s stack) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	if len(s.Services) < 6 {
		t.Fatalf("deploy/compose.yaml has the services %v, want the whole stack", slices.Sorted(maps.Keys(s.Services)))
	}
	return s
}

func TestNoServiceOfTheStackHasMoreRightsThanItNeeds(t *testing.T) {
	for name, c := range readStack(t).Services {
		if !c.ReadOnly || !slices.Equal(c.CapDrop, []string{"ALL"}) || !slices.Contains(c.SecurityOpt, "no-new-privileges:true") || c.Privileged {
			t.Errorf("%s: read_only %v, cap_drop %v, security_opt %v, privileged %v", name, c.ReadOnly, c.CapDrop, c.SecurityOpt, c.Privileged)
		}
		if c.User == "" {
			t.Errorf("%s does not say which user it runs as", name)
		}
		if c.Deploy.Resources.Limits.Memory == "" {
			t.Errorf("%s may take all the memory", name)
		}
	}
}

func TestOnlyTheAPIOfTheStackCanBeReachedAndItAsksForTokens(t *testing.T) {
	s := readStack(t)
	for name, c := range s.Services {
		for _, port := range c.Ports {
			if name != "api" || !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s", name, port)
			}
		}
		for _, network := range c.Networks {
			if name != "api" && !s.Networks[network].Internal {
				t.Errorf("%s is on the network %s, which leads outside", name, network)
			}
		}
	}
	if got := s.Services["api"].Environment["IMGD_AUTH_HS256_SECRET_FILE"]; got != "/run/secrets/auth-hs256-secret" {
		t.Errorf("the API takes its secret from %q", got)
	}
}

func TestTheStackSpeaksOfSettingsThereAre(t *testing.T) {
	known := variables()
	secret := func(value string) bool { return strings.Contains(strings.ToLower(value), "password") }
	s := readStack(t)
	for name, c := range s.Services {
		for variable, value := range c.Environment {
			if strings.HasPrefix(variable, "IMGD_") && !known[variable] {
				t.Errorf("%s sets %s, which is no setting", name, variable)
			}
			if file, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(c.Secrets, file) {
				t.Errorf("%s reads the secret %s and is not given it", name, file)
			} else if !ok && secret(variable) {
				t.Errorf("%s has a secret in %s; it belongs into a file", name, variable)
			}
		}
		for _, file := range c.Secrets {
			if _, ok := s.Secrets[file]; !ok {
				t.Errorf("%s wants the secret %s, which is not declared", name, file)
			}
		}
	}
	for _, role := range []string{"worker", "migrate"} {
		for _, secret := range []string{"auth-hs256-secret", "link-keys"} {
			if slices.Contains(s.Services[role].Secrets, secret) {
				t.Errorf("%s is given %s, which only the API needs", role, secret)
			}
		}
	}
}

func TestTheSecretsOfTheStackAreMadeOnce(t *testing.T) {
	dir := t.TempDir()
	script, err := os.ReadFile("../../deploy/make-secrets")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "make-secrets")
	if err := os.WriteFile(name, script, 0o700); err != nil {
		t.Fatal(err)
	}
	run := func() map[string]string {
		if out, err := exec.Command("sh", name).CombinedOutput(); err != nil {
			t.Fatalf("make-secrets: %v\n%s", err, out)
		}
		made := map[string]string{}
		for _, s := range readStack(t).Secrets {
			text, err := os.ReadFile(filepath.Join(dir, s.File))
			if err != nil {
				t.Fatal(err)
			}
			made[s.File] = string(text)
		}
		return made
	}
	first := run()
	s := defaults(t)
	s.Listen, s.AuthSecret, s.LinkKeys = "0.0.0.0:8080", first["secrets/auth-hs256-secret"], first["secrets/link-keys"]
	if mistakes := s.Check(); len(mistakes) != 0 {
		t.Errorf("with the secrets that were made the service does not start: %v", mistakes)
	}
	for url, password := range map[string]string{"secrets/database-url": "secrets/postgres-password", "secrets/redis-url": "secrets/redis-password", "secrets/aws-credentials": "secrets/s3-secret-key"} {
		if len(first[password]) < 32 || !strings.Contains(first[url], first[password]) {
			t.Errorf("%s is %q and does not hold %s, which is %q", url, first[url], password, first[password])
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "secrets")); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of the secrets is %v, %v; want it closed to others", info.Mode(), err)
	}
	if second := run(); !maps.Equal(first, second) {
		t.Error("a second run made other secrets; the volumes know the first")
	}
}
