package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

func TestEveryCommandRuns(t *testing.T) {
	var c commands
	for _, leaf := range newParser(&c).Model.Leaves(false) {
		if !leaf.Target.Addr().MethodByName("Run").IsValid() {
			t.Errorf("imgd %s does nothing", leaf.Path())
		}
	}
}

func TestMigrateStatusTellsWhatIsPendingAndWhatIsApplied(t *testing.T) {
	s := defaults(t)
	s.DatabaseURL = "sqlite:" + filepath.Join(t.TempDir(), "imgd.db")
	show := func() string {
		var out bytes.Buffer
		if err := (migrateStatus{}).show(t.Context(), &s, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if got := show(); !strings.Contains(got, "pending  ") || strings.Contains(got, "applied  ") {
		t.Errorf("of an empty database it tells\n%swant everything pending", got)
	}
	if err := (migrateUp{}).Run(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	if got := show(); !strings.Contains(got, "applied  ") || strings.Contains(got, "pending  ") {
		t.Errorf("of a migrated database it tells\n%swant everything applied", got)
	}
}
