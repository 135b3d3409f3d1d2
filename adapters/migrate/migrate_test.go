package migrate

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"ariga.io/atlas/sql/migrate"
	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"imgd/schema"
)

func open(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path+"?_pragma=busy_timeout(10000)&_pragma=foreign_keys(on)")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fresh(t *testing.T) *sql.DB { t.Helper(); return open(t, filepath.Join(t.TempDir(), "db")) }

func memory(t *testing.T) *sql.DB { t.Helper(); return open(t, ":memory:") }

// IMGD_MIGRATE_WRITE names a migration to be written by this test, for whoever
// has changed schema.sql.
func TestTheMigrationsLeadToTheDesiredState(t *testing.T) {
	desired, err := schema.Desired("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if name := os.Getenv("IMGD_MIGRATE_WRITE"); name != "" {
		file, err := Diff(t.Context(), SQLite, memory(t), "../../schema/sqlite/migrations", desired, name)
		t.Logf("wrote %s, %v", file, err)
		return
	}
	dir, err := embedded(SQLite)
	if err != nil {
		t.Fatal(err)
	}
	if p, _, err := plan(t.Context(), SQLite, memory(t), dir, desired, "missing"); !errors.Is(err, ErrInSync) {
		t.Fatalf("schema.sql is ahead of the migrations (%v): %+v", err, p)
	}
}

func TestAMigratedDatabaseIsUpToDate(t *testing.T) {
	db := fresh(t)
	before, err := Status(t.Context(), SQLite, db)
	if err != nil || len(before.Applied) != 0 || len(before.Pending) == 0 {
		t.Fatalf("before: %+v, %v; want everything pending", before, err)
	}
	applied, err := Up(t.Context(), SQLite, db)
	if err != nil || len(applied) != len(before.Pending) {
		t.Fatalf("Up applied %v, %v; want %v", applied, err, before.Pending)
	}
	after, err := Status(t.Context(), SQLite, db)
	if err != nil || len(after.Pending) != 0 || len(after.Applied) != len(applied) {
		t.Errorf("after: %+v, %v; want nothing pending", after, err)
	}
	if again, err := Up(t.Context(), SQLite, db); err != nil || len(again) != 0 {
		t.Errorf("a second Up applied %v, %v; want nothing", again, err)
	}
	var on int
	if err := db.QueryRow("PRAGMA foreign_keys").Scan(&on); err != nil || on != 1 {
		t.Errorf("foreign_keys is %d after migrating (%v), want 1", on, err)
	}
}

func TestOfSeveralStartersOneMigrates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	for range 3 {
		db := open(t, path)
		wg.Go(func() {
			applied, err := Up(t.Context(), SQLite, db)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += len(applied)
		})
	}
	wg.Wait()
	all, err := Status(t.Context(), SQLite, open(t, path))
	if err != nil || total != len(all.Applied) {
		t.Errorf("three starters applied %d files of %d (%v)", total, len(all.Applied), err)
	}
}

// versions is a folder of two migrations, with its checksums.
func versions(t *testing.T, second string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{
		"1_first.sql":  {Data: []byte("CREATE TABLE a (id text NOT NULL PRIMARY KEY);\nINSERT INTO a VALUES ('x');\n")},
		"2_second.sql": {Data: []byte(second)},
	}
	dir := &migrate.MemDir{}
	for name, f := range files {
		if err := dir.WriteFile(name, f.Data); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := dir.Checksum()
	if err != nil {
		t.Fatal(err)
	}
	text, err := sum.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	files[migrate.HashFileName] = &fstest.MapFile{Data: text}
	return files
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	db := fresh(t)
	dir, err := load(versions(t, "CREATE TABLE b (id text);\nINSERT INTO nowhere VALUES (1);\n"))
	if err != nil {
		t.Fatal(err)
	}
	applied, err := up(t.Context(), SQLite, db, dir)
	if err == nil || !strings.Contains(err.Error(), "2_second.sql") || len(applied) != 1 {
		t.Errorf("Up applied %v, %v; want the first file and an error that names the second", applied, err)
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM a").Scan(&n); err != nil || n != 1 {
		t.Errorf("the old schema has %d rows (%v), want it usable with 1", n, err)
	}
	if err := db.QueryRow("SELECT count(*) FROM b").Scan(&n); err == nil {
		t.Error("a table of the failed file is there")
	}
}

func TestAnEditedMigrationIsRefused(t *testing.T) {
	files := versions(t, "CREATE TABLE b (id text);\n")
	files["1_first.sql"] = &fstest.MapFile{Data: []byte("CREATE TABLE other (id text);\n")}
	dir, err := load(files)
	if err != nil {
		t.Fatal(err)
	}
	if applied, err := up(t.Context(), SQLite, fresh(t), dir); !errors.Is(err, migrate.ErrChecksumMismatch) || len(applied) != 0 {
		t.Errorf("Up applied %v, %v; want it refused for its checksum", applied, err)
	}
}

func TestADanglingKeyIsRefused(t *testing.T) {
	dir, err := load(versions(t, "CREATE TABLE b (a text CONSTRAINT b_a REFERENCES a (id));\nINSERT INTO b VALUES ('nobody');\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up(t.Context(), SQLite, fresh(t), dir); err == nil || !strings.Contains(err.Error(), "foreign key") {
		t.Errorf("Up = %v, want an error about a foreign key", err)
	}
}

func TestAChangedSchemaIsPlannedAndApplied(t *testing.T) {
	folder := t.TempDir()
	desired, err := schema.Desired("sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Diff(t.Context(), SQLite, memory(t), folder, desired, "first"); err != nil {
		t.Fatal(err)
	}
	// Versions count in seconds: the second file needs a name of its own.
	entries, err := filepath.Glob(filepath.Join(folder, "*_first.sql"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("files %v, %v", entries, err)
	}
	changed := strings.Replace(desired, "  blurhash       text      NOT NULL DEFAULT '',\n", "  blurhash       text      NOT NULL DEFAULT '',\n  mood           text      NOT NULL DEFAULT '',\n", 1)
	if changed == desired {
		t.Fatal("the schema has no blurhash to stand beside")
	}
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := plan(t.Context(), SQLite, memory(t), dir, changed, "mood")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, c := range p.Changes {
		text.WriteString(c.Cmd + ";\n")
	}
	if !strings.Contains(text.String(), "`mood`") {
		t.Errorf("the plan is\n%s\nwant it to add the column mood", text.String())
	}
}
