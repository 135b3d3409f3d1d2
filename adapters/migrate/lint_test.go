package migrate

import (
	"database/sql"
	"strings"
	"testing"
	"time"
)

// source is a tree of these migrations, wanting what they lead to.
func source(t *testing.T, e Engine, dev *sql.DB, texts ...string) Source {
	t.Helper()
	return Source{Engine: e, Folder: folder(t, texts...).Path(), Desired: strings.Join(texts, "\n"), Dev: dev}
}

func TestLintCatchesWhatMustNotHappenToData(t *testing.T) {
	rebuilt := func(columns, copied string) string {
		return "PRAGMA foreign_keys = off;\nCREATE TABLE new_a (" + columns + ");\nINSERT INTO new_a (" + copied + ") SELECT " + copied +
			" FROM a;\nDROP TABLE a;\nALTER TABLE new_a RENAME TO a;\nPRAGMA foreign_keys = on;\n"
	}
	const whole = "id text NOT NULL PRIMARY KEY, n bigint NULL, size bigint NOT NULL DEFAULT 0"
	bad := map[Engine]map[string][2]string{ // a migration, and what Lint says of it
		SQLite: {
			"a dropped table":            {"DROP TABLE a;\n", "table a is dropped"},
			"a dropped column":           {"ALTER TABLE a DROP COLUMN n;\n", "column a.n is dropped"},
			"a renamed column":           {"ALTER TABLE a RENAME COLUMN n TO m;\n", "column a.n is dropped"},
			"a column made anew":         {"ALTER TABLE a DROP COLUMN n;\nALTER TABLE a ADD COLUMN n bigint NULL;\n", "values of column a.n are lost"},
			"a table made anew":          {"DROP TABLE a;\nCREATE TABLE a (" + whole + ");\n", "values of column a.id are lost"},
			"a copy that forgets":        {rebuilt(whole, "id"), "values of column a.n are lost"},
			"deleted rows":               {"DELETE FROM a WHERE n = 4;\n", "rows are deleted"},
			"values written over":        {"UPDATE a SET id = '';\n", "values of column a.id are lost"},
			"a NOT NULL":                 {rebuilt("id text NOT NULL PRIMARY KEY, n bigint NOT NULL, size bigint NOT NULL DEFAULT 0", "id, n, size"), "a.n becomes NOT NULL"},
			"NOT NULL without a default": {rebuilt(whole+", m bigint NOT NULL", "id, n, size"), "does not run"},
			"a lost default":             {rebuilt("id text NOT NULL PRIMARY KEY, n bigint NULL, size bigint NOT NULL", "id, n, size"), "a.size loses its default"},
			"another type":               {rebuilt("id text NOT NULL PRIMARY KEY, n bigint NULL, size text NOT NULL DEFAULT 0", "id, n, size"), "a.size changes from bigint to text"},
			"outside a transaction":      {"-- atlas:txmode none\n\nALTER TABLE a ADD COLUMN m text NULL;\n", "txmode none"},
		},
		Postgres: {
			"a dropped table":            {"DROP TABLE a;\n", "table a is dropped"},
			"a dropped column":           {"ALTER TABLE a DROP COLUMN n;\n", "column a.n is dropped"},
			"a drop inside a block":      {"DO $$ BEGIN EXECUTE 'ALTER TABLE a DROP ' || 'COLUMN n'; END $$;\n", "column a.n is dropped"},
			"a renamed column":           {"ALTER TABLE a RENAME COLUMN n TO m;\n", "column a.n is dropped"},
			"a renamed table":            {"ALTER TABLE a RENAME TO z;\n", "table a is dropped"},
			"a column made anew":         {"ALTER TABLE a DROP COLUMN n, ADD COLUMN n bigint;\n", "values of column a.n are lost"},
			"a table made anew":          {"DROP TABLE a;\nCREATE TABLE a (" + whole + ");\n", "values of column a.id are lost"},
			"deleted rows":               {"DELETE FROM a WHERE n = 4;\n", "rows are deleted"},
			"a deletion in a WITH":       {"WITH gone AS (DELETE FROM a RETURNING id) SELECT count(*) FROM gone;\n", "rows are deleted"},
			"truncated rows":             {"TRUNCATE a;\n", "rows are deleted"},
			"a NOT NULL":                 {"ALTER TABLE a ALTER n SET NOT NULL;\n", "a.n becomes NOT NULL"},
			"NOT NULL without a default": {"ALTER TABLE a ADD m bigint; UPDATE a SET m = 1; ALTER TABLE a ALTER m SET NOT NULL;\n", "a.m is added as NOT NULL without a default"},
			"a lost default":             {"ALTER TABLE a ALTER size DROP DEFAULT;\n", "a.size loses its default"},
			"a narrower type":            {"ALTER TABLE a ALTER size TYPE smallint;\n", "a.size changes from bigint to smallint"},
			"a shorter text":             {"ALTER TABLE a ALTER id TYPE varchar(8);\n", "a.id changes from text to"},
		},
	}
	on(t, func(t *testing.T, e Engine) {
		dev := bench(t, e) // it is left empty each time
		for _, name := range sortedKeys(bad[e]) {
			text, want := bad[e][name][0], bad[e][name][1]
			found, err := source(t, e, dev, table1, text).Lint(t.Context())
			if err != nil || len(found) == 0 || !strings.Contains(found[0].String(), want) || found[0].File != "20260101000002_step.sql" {
				t.Errorf("%s: Lint found %v, %v; want %q in the second file", name, found, err, want)
			}
			if strings.Contains(want, "does not run") || strings.Contains(want, "txmode") {
				continue // no reason excuses these
			}
			s := source(t, e, dev, table1, annotation+" it is meant\n\n"+text)
			if found, err := s.Lint(t.Context()); err != nil || len(found) != 0 {
				t.Errorf("%s, with a reason: %v, %v", name, found, err)
			}
		}
		silent := annotation + " \n\nDROP TABLE a;\n"
		if found, err := source(t, e, dev, table1, silent).Lint(t.Context()); err != nil || len(found) == 0 {
			t.Errorf("a table is dropped and the reason is not told: %v, %v", found, err)
		}
	})
}

func TestLintLetsPassWhatOnlyAdds(t *testing.T) {
	const harmless = `CREATE TABLE b (id text NOT NULL PRIMARY KEY, a text NOT NULL CONSTRAINT b_a REFERENCES a (id) ON DELETE CASCADE);
CREATE INDEX a_n ON a (n) WHERE n > 0;
ALTER TABLE a ADD COLUMN m bigint NOT NULL DEFAULT 4;
ALTER TABLE a ADD COLUMN note text NULL DEFAULT 'delete from a';
UPDATE a SET m = n WHERE n > 3;
DROP INDEX a_n;
`
	texts := map[Engine][]string{
		SQLite: {table1, harmless},
		Postgres: {table1, harmless, "CREATE TABLE c (v varchar(4), w varchar(4), i smallint);\n",
			"ALTER TABLE c ALTER v TYPE varchar(9), ALTER w TYPE text, ALTER i TYPE bigint;\n",
			"-- atlas:txmode none\n\nDROP INDEX CONCURRENTLY IF EXISTS c_v;\nCREATE INDEX CONCURRENTLY c_v ON c (v);\n"},
	}
	on(t, func(t *testing.T, e Engine) {
		if found, err := source(t, e, bench(t, e), texts[e]...).Lint(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("Lint found %v, %v", found, err)
		}
	})
}

func TestLintWantsALineOfFilesThatLeadsSomewhere(t *testing.T) {
	future := time.Now().AddDate(1, 0, 0).Format(layout) + "_step.sql"
	for name, c := range map[string]struct {
		file, text, want string
	}{
		"a file without a time":          {"add.sql", "", "the name is not a time"},
		"two files at once":              {"20260101000001_other.sql", "", "two files have this version"},
		"a file from the future":         {future, "", "in the future"},
		"a file that does not run":       {"20260101000002_step.sql", "INSERT INTO nowhere VALUES (1);\n", "does not run"},
		"a file that schema.sql has not": {"20260101000002_step.sql", "CREATE TABLE more (id text NOT NULL);\n", "only in the migrations"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, table1)
			add(t, dir, c.file, c.text+"\n")
			s := Source{Engine: SQLite, Folder: dir.Path(), Desired: table1, Dev: bench(t, SQLite)}
			found, err := s.Lint(t.Context())
			if err != nil || len(found) == 0 || !strings.Contains(found[0].String(), c.want) {
				t.Errorf("Lint found %v, %v; want %q", found, err, c.want)
			}
		})
	}
	t.Run("an edited file", func(t *testing.T) {
		s := source(t, SQLite, bench(t, SQLite), table1)
		if err := s.dir(t).WriteFile("20260101000001_step.sql", []byte("CREATE TABLE z (id text);\n")); err != nil {
			t.Fatal(err)
		}
		found, err := s.Lint(t.Context())
		if err != nil || len(found) != 1 || !strings.Contains(found[0].Text, "20260101000001_step.sql was edited") {
			t.Errorf("Lint found %v, %v; want the edited file by name", found, err)
		}
	})
}

func TestWideningIsKnownFromNarrowing(t *testing.T) {
	for pair, want := range map[[2]string]bool{
		{"smallint", "bigint"}: true, {"integer", "bigint"}: true, {"bigint", "integer"}: false,
		{"varchar(4)", "varchar(9)"}: true, {"varchar(9)", "varchar(4)"}: false, {"character varying(9)", "text"}: true,
		{"text", "character varying(9)"}: false, {"varchar(4)", "varchar"}: true, {"varchar", "varchar(4)"}: false,
		{"numeric(8,2)", "numeric(10,2)"}: true, {"numeric(8,2)", "numeric(8,4)"}: false, {"jsonb", "text"}: false,
		{"timestamptz", "date"}: false,
	} {
		if got := widens(pair[0], pair[1]); got != want {
			t.Errorf("%s to %s widens: %t, want %t", pair[0], pair[1], got, want)
		}
	}
}
