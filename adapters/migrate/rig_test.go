package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	_ "github.com/jackc/pgx/v5/stdlib"       // registers pgx
	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"imgd/e2e/rig"
	"imgd/schema"
)

// on runs a test on both engines.
func on(t *testing.T, test func(*testing.T, Engine)) {
	for _, e := range []Engine{SQLite, Postgres} {
		t.Run(string(e), func(t *testing.T) { test(t, e) })
	}
}

// address is where a fresh, empty database is.
func address(t *testing.T, e Engine) string {
	t.Helper()
	if e == Postgres {
		return rig.Postgres(t)
	}
	return "file:" + filepath.Join(t.TempDir(), "db") + "?_pragma=busy_timeout(10000)&_pragma=foreign_keys(on)"
}

// open connects as one process would.
func open(t *testing.T, e Engine, address string) *sql.DB {
	t.Helper()
	db, err := connect(e, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func connect(e Engine, address string) (*sql.DB, error) {
	if e == Postgres {
		return sql.Open("pgx", address)
	}
	db, err := sql.Open("sqlite3", address)
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func fresh(t *testing.T, e Engine) *sql.DB { t.Helper(); return open(t, e, address(t, e)) }

// bench is an empty database to try things on.
func bench(t *testing.T, e Engine) *sql.DB {
	t.Helper()
	if e == SQLite {
		return open(t, e, "file::memory:")
	}
	return fresh(t, e)
}

// table1 makes a table on either engine, with something in it.
const table1 = "CREATE TABLE a (id text NOT NULL PRIMARY KEY, n bigint NULL, size bigint NOT NULL DEFAULT 0);\nINSERT INTO a (id, n) VALUES ('x', 1);\n"

// folder is a folder of migrations with its atlas.sum, made of texts in this order.
func folder(t *testing.T, texts ...string) *migrate.LocalDir {
	t.Helper()
	dir, err := migrate.NewLocalDir(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for i, text := range texts {
		add(t, dir, fmt.Sprintf("2026010100000%d_step.sql", i+1), text)
	}
	return dir
}

// add puts a file into a folder and its checksum into atlas.sum.
func add(t *testing.T, dir *migrate.LocalDir, name, text string) {
	t.Helper()
	if err := write(dir, migrate.NewLocalFile(name, []byte(text))); err != nil {
		t.Fatal(err)
	}
}

// copied is an engine's part of the source tree in a folder of the test's own, and
// a database to try things on.
func copied(t *testing.T, e Engine) Source {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../../schema")); err != nil {
		t.Fatal(err)
	}
	s, err := Open(root, e, bench(t, e))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// change edits the desired state.
func (s *Source) change(t *testing.T, old, now string) {
	t.Helper()
	if !strings.Contains(s.Desired, old) {
		t.Fatalf("schema.sql of %s has no %q", s.Engine, old)
	}
	s.Desired = strings.Replace(s.Desired, old, now, 1)
}

func (s *Source) dir(t *testing.T) *migrate.LocalDir {
	t.Helper()
	dir, _, err := s.files()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// seen is the catalog of a database in use.
func seen(t *testing.T, e Engine, db *sql.DB) []string {
	t.Helper()
	var lines []string
	err := e.scratch(t.Context(), db, func(s scratch) error {
		p, err := s.look(t.Context())
		lines = p.catalog
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func desired(t *testing.T, e Engine) string {
	t.Helper()
	text, err := schema.Desired(string(e))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func count(t *testing.T, db *sql.DB, query string) (n int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

// TestMain is also the migrator that a test kills: this binary, told where to work.
func TestMain(m *testing.M) {
	if e := os.Getenv("MIGRATE_ENGINE"); e != "" {
		if err := migrateAlone(Engine(e), os.Getenv("MIGRATE_ADDRESS"), os.Getenv("MIGRATE_FOLDER")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func migrateAlone(e Engine, address, folder string) error {
	db, err := connect(e, address)
	if err != nil {
		return err
	}
	defer db.Close()
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		return err
	}
	_, err = up(context.Background(), e, db, dir)
	return err
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
