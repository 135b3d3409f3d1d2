package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imgd/e2e/rig"
)

// checkout is a copy of the folder schema, to be changed.
func checkout(t *testing.T) tree {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../../schema")); err != nil {
		t.Fatal(err)
	}
	return tree{Dir: root, Engine: "all"}
}

// edit changes the desired state of an engine.
func (t tree) edit(tb testing.TB, engine, old, now string) {
	tb.Helper()
	name := filepath.Join(t.Dir, engine, "schema.sql")
	text, err := os.ReadFile(name)
	if err != nil || !strings.Contains(string(text), old) {
		tb.Fatalf("%s has no %q (%v)", name, old, err)
	}
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), old, now, 1)), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestPostgreSQLIsMigratedFromTheCommandLine(t *testing.T) {
	s := defaults(t)
	s.DatabaseURL = rig.Postgres(t)
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

func TestADatabaseOfAnotherMakeIsNotMigrated(t *testing.T) {
	for _, url := range []string{"mysql://h/db", "sqlite:", "", "postgres://u:hunter2@h:port/db"} {
		s := defaults(t)
		s.DatabaseURL = url
		err := (migrateUp{}).Run(t.Context(), &s)
		if err == nil || !strings.Contains(err.Error(), "IMGD_DATABASE_URL") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("migrating %q = %v, want the variable named and the password not", url, err)
		}
	}
}

func TestAMigrationIsWrittenForEachEngine(t *testing.T) {
	dir := checkout(t)
	for _, engine := range dir.engines() {
		dir.edit(t, string(engine), "  blurhash ", "  mood text NOT NULL DEFAULT 'calm',\n  blurhash ")
	}
	var out bytes.Buffer
	alone := migrateDiff{workshop: workshop{tree: dir}, Name: "add_mood"}
	err := alone.write(t.Context(), &out)
	if err == nil || !strings.Contains(err.Error(), "postgres was left out") || !strings.Contains(err.Error(), "IMGD_DEV_DATABASE_URL") {
		t.Errorf("without a database to try things on: %v, want it to say that postgres was left out", err)
	}
	if got := written(t, dir); len(got) != 1 || !strings.Contains(got[0], "sqlite") {
		t.Errorf("it wrote %v, want a migration for SQLite alone", got)
	}
	both := alone
	both.DevURL = rig.Postgres(t)
	if err := both.write(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got := written(t, dir); len(got) != 2 || !strings.Contains(out.String(), "sqlite: nothing to do") || !strings.Contains(out.String(), got[0]) {
		t.Errorf("it wrote %v and says\n%swant a second file, for PostgreSQL", got, &out)
	}
	out.Reset()
	if err := (migrateLint{both.workshop}).check(t.Context(), &out); err != nil {
		t.Errorf("what was written does not pass: %v\n%s", err, &out)
	}
	if err := (migrateLint{alone.workshop}).check(t.Context(), &out); err == nil || !strings.Contains(err.Error(), "postgres was left out") {
		t.Errorf("without a database to try things on, lint says %v", err)
	}
}

// written are the migrations called add_mood.
func written(t *testing.T, dir tree) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir.Dir, "*", "migrations", "*_add_mood.sql"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestAMigrationByHandGetsItsSumAndIsJudged(t *testing.T) {
	dir := checkout(t)
	dir.Engine = "sqlite"
	name := filepath.Join(dir.Dir, "sqlite", "migrations", time.Now().AddDate(1, 0, 0).Format("20060102150405")+"_by_hand.sql")
	if err := os.WriteFile(name, []byte("ALTER TABLE images RENAME COLUMN blurhash TO blur;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	lint := migrateLint{workshop{tree: dir}}
	for _, want := range []string{"imgd migrate sum", "in the future"} {
		var out bytes.Buffer
		if err := lint.check(t.Context(), &out); err == nil || !strings.Contains(out.String(), want) {
			t.Errorf("lint says %v and\n%swant %q", err, &out, want)
		}
		if err := (migrateSum{dir}).Run(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheSourceTreeHasToBeThere(t *testing.T) {
	d := migrateDiff{workshop: workshop{tree: tree{Dir: t.TempDir(), Engine: "sqlite"}}, Name: "x"}
	if err := d.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("outside of a source tree, diff says %v, want it to name --dir", err)
	}
}
