package quotas_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imgd/adapters/quotas"
	"imgd/core"
)

func load(t *testing.T, text string) (quotas.Quotas, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "quotas.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return quotas.Load(name, core.Quota{Images: 10, Bytes: 1000, Jobs: 5})
}

func TestATenantHasItsOwnQuotaAndTheDefaultForTheRest(t *testing.T) {
	q, err := load(t, "tenants:\n  acme: { images: 200, bytes: 2GiB }\n  \"globex:1\":\n    jobs: none\n")
	if err != nil {
		t.Fatal(err)
	}
	for tenant, want := range map[string]core.Quota{
		"acme": {Images: 200, Bytes: 2 << 30, Jobs: 5}, "globex:1": {Images: 10, Bytes: 1000}, "other": {Images: 10, Bytes: 1000, Jobs: 5},
	} {
		if got := q.Of(tenant); got != want {
			t.Errorf("%s has %+v, want %+v", tenant, got, want)
		}
	}
	if q, err := load(t, "# none yet\n"); err != nil || q.Of("acme").Images != 10 {
		t.Errorf("an empty file = %+v, %v; want the default for all", q, err)
	}
}

func TestAFileOfQuotasIsRefusedWithTheLine(t *testing.T) {
	for text, want := range map[string]string{
		"tenants: { acme: { images: lots } }":                `"lots" is no amount`,
		"tenants: { acme: { images: 0 } }":                   `"0" is no amount`,
		"tenants: { acme: { bytes: -1 } }":                   `"-1" is no amount`,
		"tenants: { acme: { bytes: 9999999TiB } }":           "is no amount",
		"tenants:\n  acme:\n    pictures: 7":                 "line 3: field pictures not found",
		"tenant: {}":                                         "field tenant not found",
		"tenants:\n  acme: { jobs: 1 }\n  acme: { jobs: 2 }": "already defined",
		"tenants: [acme]":                                    "line 1",
	} {
		if _, err := load(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q = %v, want %q in it", text, err, want)
		}
	}
}
