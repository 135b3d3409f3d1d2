package migrate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

func TestTheMigrationsLeadToTheDesiredState(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		s, err := Open("../../schema", e, bench(t, e))
		if err != nil {
			t.Fatal(err)
		}
		found, err := s.Lint(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			t.Error(f)
		}
	})
}

// The strongest test against drift: what the server says of a database that was
// migrated, step by step, and of one that was made from schema.sql.
func TestAMigratedDatabaseIsWhatSchemaSQLSays(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		migrated, made := fresh(t, e), fresh(t, e)
		if _, err := Up(t.Context(), e, migrated); err != nil {
			t.Fatal(err)
		}
		if _, err := made.Exec(desired(t, e)); err != nil {
			t.Fatal(err)
		}
		got, want := seen(t, e, migrated), seen(t, e, made)
		for _, line := range differences(got, want) {
			t.Error(line)
		}
		if len(want) < 100 {
			t.Errorf("the catalog has %d lines, which cannot be everything", len(want))
		}
		if e == Postgres && !slices.ContainsFunc(got, func(l string) bool { return strings.Contains(l, "fillfactor") }) {
			t.Error("no table has its storage parameters")
		}
	})
}

func TestTheCatalogShowsEveryKindOfDrift(t *testing.T) {
	changes := map[Engine]map[string]string{
		SQLite: {
			"a column":    "ALTER TABLE b ADD COLUMN m text NULL",
			"a partial":   "DROP INDEX b_n; CREATE INDEX b_n ON b (n) WHERE n > 1",
			"a direction": "DROP INDEX b_n; CREATE INDEX b_n ON b (n DESC) WHERE n > 0",
			"a view":      "CREATE VIEW v AS SELECT n FROM b",
			"a trigger":   "CREATE TRIGGER g AFTER INSERT ON b BEGIN SELECT 1; END",
			"a default":   "DROP TABLE b; CREATE TABLE b (n bigint DEFAULT 2 CONSTRAINT b_small CHECK (n < 9)); CREATE INDEX b_n ON b (n) WHERE n > 0",
			"a check":     "DROP TABLE b; CREATE TABLE b (n bigint DEFAULT 1 CONSTRAINT b_small CHECK (n < 8)); CREATE INDEX b_n ON b (n) WHERE n > 0",
			"a type":      "DROP TABLE b; CREATE TABLE b (n text DEFAULT 1 CONSTRAINT b_small CHECK (n < 9)); CREATE INDEX b_n ON b (n) WHERE n > 0",
			"a uniqueness": "DROP TABLE b; CREATE TABLE b (n bigint UNIQUE DEFAULT 1 CONSTRAINT b_small CHECK (n < 9)); " +
				"CREATE INDEX b_n ON b (n) WHERE n > 0",
		},
		Postgres: {
			"a column":         "ALTER TABLE b ADD COLUMN m text",
			"a partial":        "DROP INDEX b_n; CREATE INDEX b_n ON b (n) WHERE n > 1",
			"a view":           "CREATE VIEW v AS SELECT n FROM b",
			"a trigger":        "CREATE TRIGGER g BEFORE UPDATE ON b FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
			"a function":       "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
			"a default":        "ALTER TABLE b ALTER n SET DEFAULT 2",
			"a check":          "ALTER TABLE b DROP CONSTRAINT b_small, ADD CONSTRAINT b_small CHECK (n < 8)",
			"an unproved one":  "ALTER TABLE b DROP CONSTRAINT b_small, ADD CONSTRAINT b_small CHECK (n < 9) NOT VALID",
			"a type":           "DROP INDEX b_n; ALTER TABLE b ALTER n TYPE numeric; CREATE INDEX b_n ON b (n) WHERE n > 0",
			"a nullability":    "ALTER TABLE b ALTER n SET NOT NULL",
			"a collation":      "ALTER TABLE b ADD c text COLLATE \"C\"; ALTER TABLE b DROP c; ALTER TABLE a ALTER id TYPE text COLLATE \"C\"",
			"storage":          "ALTER TABLE b SET (fillfactor = 80)",
			"storage in index": "ALTER INDEX b_n SET (fillfactor = 80)",
			"durability":       "ALTER TABLE b SET UNLOGGED",
			"an enum":          "CREATE TYPE mood AS ENUM ('glad')",
			"a sequence":       "CREATE SEQUENCE s",
		},
	}
	const made = "CREATE TABLE a (id text); CREATE TABLE b (n bigint DEFAULT 1 CONSTRAINT b_small CHECK (n < 9)); CREATE INDEX b_n ON b (n) WHERE n > 0"
	on(t, func(t *testing.T, e Engine) {
		err := e.scratch(t.Context(), bench(t, e), func(s scratch) error {
			for _, name := range sortedKeys(changes[e]) {
				before, err := s.after(t.Context(), script(made))
				if err != nil {
					return err
				}
				after, err := s.after(t.Context(), script(made), script(changes[e][name]))
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if len(differences(after.catalog, before.catalog)) == 0 {
					t.Errorf("%s is not seen", name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func script(text string) migrate.File { return migrate.NewLocalFile("1.sql", []byte(text)) }

func TestAChangedSchemaIsPlannedAndApplied(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		s, db := copied(t, e), fresh(t, e)
		if _, err := up(t.Context(), e, db, s.dir(t)); err != nil {
			t.Fatal(err)
		}
		if file, err := s.Diff(t.Context(), "nothing", ""); !errors.Is(err, ErrInSync) || file != "" {
			t.Fatalf("Diff of an unchanged schema wrote %q, %v; want nothing", file, err)
		}
		s.change(t, "  blurhash ", "  mood text NOT NULL DEFAULT 'calm',\n  blurhash ")
		s.change(t, "'pending', 'ready', 'failed'", "'pending', 'ready', 'failed', 'lost'") // a CHECK of the same name
		file, err := s.Diff(t.Context(), "add_mood", "")
		if err != nil || !strings.HasSuffix(file, "_add_mood.sql") {
			t.Fatalf("Diff wrote %q, %v", file, err)
		}
		if applied, err := up(t.Context(), e, db, s.dir(t)); err != nil || !slices.Equal(applied, []string{file}) {
			t.Fatalf("Up applied %v, %v; want %s", applied, err, file)
		}
		lines := strings.Join(seen(t, e, db), "\n")
		for _, want := range []string{"column images.mood text NOT NULL DEFAULT 'calm'", "'lost'"} {
			if !strings.Contains(lines, want) {
				t.Errorf("the migrated database has no %s", want)
			}
		}
		if found, err := s.Lint(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("what Diff wrote does not pass Lint: %v, %v", found, err)
		}
		// A second later in the same second: the files keep their order.
		s.change(t, "  mood text NOT NULL", "  whim text,\n  mood text NOT NULL")
		second, err := s.Diff(t.Context(), "a_whim", "")
		if err != nil || second <= file {
			t.Errorf("the next file is %q, %v; want it to sort behind %s", second, err, file)
		}
	})
}

func TestStorageParametersAreMigrated(t *testing.T) {
	s, db := copied(t, Postgres), fresh(t, Postgres)
	s.change(t, "CREATE TABLE leases (\n", "CREATE INDEX images_owner ON images (owner) WITH (fillfactor = 60);\nCREATE TABLE leases (\n")
	s.change(t, "WITH (fillfactor = 85)", "WITH (autovacuum_vacuum_scale_factor = 0.02)")
	file, err := s.Diff(t.Context(), "store", "")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(s.Folder, file))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`ALTER TABLE "images" SET (autovacuum_vacuum_scale_factor = 0.02);`, `ALTER TABLE "images" RESET (fillfactor);`, `ALTER INDEX "images_owner" SET (fillfactor = 60);`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the migration is\n%s\nwant %s in it", text, want)
		}
	}
	if _, err := up(t.Context(), Postgres, db, s.dir(t)); err != nil {
		t.Error(err)
	}
}

func TestWhatThePlannerDoesNotSeeIsTold(t *testing.T) {
	view := "\nCREATE VIEW owners AS SELECT owner FROM images;\n"
	on(t, func(t *testing.T, e Engine) {
		s := copied(t, e)
		s.change(t, "  blurhash ", "  mood text NOT NULL DEFAULT 'calm',\n  blurhash ")
		s.Desired += view
		file, err := s.Diff(t.Context(), "add_view", "")
		if err == nil || !strings.Contains(err.Error(), "only in schema.sql") || !strings.Contains(err.Error(), "owners") {
			t.Fatalf("Diff = %q, %v; want it to say that the view has to be written by hand", file, err)
		}
		name := filepath.Join(s.Folder, file)
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, append(text, view...), 0o600); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Lint(t.Context()); err != nil || len(found) != 1 || !strings.Contains(found[0].Text, "imgd migrate sum") {
			t.Errorf("Lint of a file without its checksum: %v, %v", found, err)
		}
		if err := Sum(s.Folder); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Lint(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("Lint of the finished file: %v, %v", found, err)
		}
	})
}

func TestSumTakesNoChangeOfWhatWasReleased(t *testing.T) {
	dir := folder(t, table1, "CREATE TABLE b (id text);\n")
	if err := dir.WriteFile("20260101000001_step.sql", []byte("CREATE TABLE other (id text);\n")); err != nil {
		t.Fatal(err)
	}
	if err := Sum(dir.Path()); err == nil || !strings.Contains(err.Error(), "20260101000001_step.sql") {
		t.Errorf("Sum = %v, want the first file refused", err)
	}
	if err := migrate.Validate(dir); err == nil {
		t.Error("atlas.sum was written")
	}
}

func TestALossIsRefusedUnlessItHasAReason(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		s := copied(t, e)
		before, err := os.ReadDir(s.Folder)
		if err != nil {
			t.Fatal(err)
		}
		i := strings.Index(s.Desired, "  blurhash ")
		s.change(t, s.Desired[i:i+strings.Index(s.Desired[i:], "\n")+1], "")
		file, err := s.Diff(t.Context(), "no_blurhash", "")
		for _, want := range []string{"images.blurhash is dropped", "RENAME", "--allow-destructive"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Diff = %q, %v; want a refusal with %s in it", file, err, want)
			}
		}
		if after, err := os.ReadDir(s.Folder); err != nil || len(after) != len(before) {
			t.Errorf("the refusal has written %d files (%v)", len(after)-len(before), err)
		}
		if _, err := s.Diff(t.Context(), "no_blurhash", "nobody reads it"); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Lint(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("what Diff wrote with a reason does not pass Lint: %v, %v", found, err)
		}
	})
}

func TestAScratchDatabaseInUseIsNotEmptied(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		s := copied(t, e)
		if _, err := s.Dev.Exec("CREATE TABLE precious (id text); INSERT INTO precious VALUES ('x')"); err != nil {
			t.Fatal(err)
		}
		s.change(t, "  blurhash ", "  mood text NOT NULL DEFAULT 'calm',\n  blurhash ")
		if _, err := s.Diff(t.Context(), "add_mood", ""); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("Diff = %v, want it to refuse a database in use", err)
		}
		if _, err := s.Lint(t.Context()); err == nil || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("Lint = %v, want it to refuse a database in use", err)
		}
		if n := count(t, s.Dev, "SELECT count(*) FROM precious"); n != 1 {
			t.Errorf("%d rows are left, want 1", n)
		}
	})
}

func TestAFolderElsewhereIsSaidToBeMissing(t *testing.T) {
	if _, err := Open(t.TempDir(), SQLite, nil); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("Open of an empty folder = %v, want it to name --dir", err)
	}
}

func TestAMigrationHasANameOfWords(t *testing.T) {
	for _, name := range []string{"", "Add mood", "../x", "1st"} {
		if _, err := (Source{}).Diff(t.Context(), name, ""); err == nil || !strings.Contains(err.Error(), "does not name") {
			t.Errorf("Diff called %q = %v, want it refused", name, err)
		}
	}
}
