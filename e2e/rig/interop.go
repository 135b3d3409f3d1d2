package rig

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// OtherOIDC starts an OpenID provider of another making (oidc-provider on Node.js), until
// the test ends.
func OtherOIDC(t testing.TB) Provider {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(root, ".cache", "interop")
	if !isFile(filepath.Join(home, "node_modules", "oidc-provider", "package.json")) {
		t.Fatal("oidc-provider is missing: run `make servers`, which fetches it from npm into .cache/interop")
	}
	address := freeAddress(t)
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	cmd := exec.Command("node", filepath.Join(root, "tools", "servers", "interop", "provider.mjs"), home, port) // #nosec G204 -- of this repository
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PROVIDER_SECRET=" + secret(), "NODE_ENV=test"}
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := deliver(cmd); err != nil {
		t.Fatalf("the second provider does not start; is Node.js installed (make servers)? %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p := Provider{Issuer: "http://" + address, Audience: "imgd", client: "robot", secret: secret(), resource: "https://images.example.com"}
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if _, err = tokenEndpoint(t.Context(), p.Issuer); err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("the second provider does not answer: %v\n%s", err, said)
		}
	}
}
