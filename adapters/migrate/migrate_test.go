package migrate

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
)

func TestAMigratedDatabaseIsUpToDate(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		before, err := Status(t.Context(), e, db)
		if err != nil || len(before.Applied) != 0 || len(before.Pending) == 0 {
			t.Fatalf("before: %+v, %v; want everything pending", before, err)
		}
		applied, err := Up(t.Context(), e, db)
		if err != nil || !slices.Equal(applied, before.Pending) {
			t.Fatalf("Up applied %v, %v; want %v", applied, err, before.Pending)
		}
		after, err := Status(t.Context(), e, db)
		if err != nil || len(after.Pending)+len(after.Unknown) != 0 || len(after.Applied) != len(applied) {
			t.Errorf("after: %+v, %v; want nothing pending", after, err)
		}
		if again, err := Up(t.Context(), e, db); err != nil || len(again) != 0 {
			t.Errorf("a second Up applied %v, %v; want nothing", again, err)
		}
		if e == SQLite && count(t, db, "PRAGMA foreign_keys") != 1 {
			t.Error("foreign keys are off after migrating")
		}
	})
}

func TestAnOldSchemaIsRefusedWithTheWayOut(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		files, err := Current(t.Context(), e, db)
		if err != nil || len(files) == 0 {
			t.Fatalf("an empty database lacks %v, %v", files, err)
		}
		err = Require(t.Context(), e, db)
		for _, part := range append(files, "imgd migrate up", "IMGD_MIGRATE=auto") {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("an old schema is refused with %v, want it to name %s", err, part)
			}
		}
		if s, err := Status(t.Context(), e, db); err != nil || len(s.Applied) != 0 {
			t.Errorf("looking has applied %v (%v)", s.Applied, err)
		}
		if _, err := Up(t.Context(), e, db); err != nil {
			t.Fatal(err)
		}
		if err := Require(t.Context(), e, db); err != nil {
			t.Errorf("a migrated database is refused: %v", err)
		}
	})
}

func TestADatabaseThatANewerBuildHasMigratedIsServed(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		if _, err := up(t.Context(), e, db, folder(t, table1, "ALTER TABLE a ADD COLUMN m bigint NULL;\n")); err != nil {
			t.Fatal(err)
		}
		old := folder(t, table1)
		s, err := status(t.Context(), e, db, old)
		if err != nil || len(s.Pending) != 0 || !slices.Equal(s.Unknown, []string{"20260101000002"}) {
			t.Errorf("an older build sees %+v, %v; want nothing pending and one unknown version", s, err)
		}
		if applied, err := up(t.Context(), e, db, old); err != nil || len(applied) != 0 {
			t.Errorf("an older build applied %v, %v", applied, err)
		}
	})
}

func TestAnEditedMigrationIsRefused(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		dir := folder(t, table1)
		if err := dir.WriteFile("20260101000001_step.sql", []byte("CREATE TABLE other (id text);\n")); err != nil {
			t.Fatal(err)
		}
		applied, err := up(t.Context(), e, db, dir)
		if !errors.Is(err, migrate.ErrChecksumMismatch) || len(applied) != 0 || !strings.Contains(err.Error(), "20260101000001_step.sql was edited") {
			t.Errorf("Up applied %v, %v; want it refused for its checksum, by name", applied, err)
		}
	})
}

func TestAMigrationThatWasAppliedInAnotherWordingIsRefused(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		if _, err := up(t.Context(), e, db, folder(t, table1)); err != nil {
			t.Fatal(err)
		}
		other := folder(t, table1+"-- reworded\n")
		if _, err := up(t.Context(), e, db, other); err == nil || !strings.Contains(err.Error(), "20260101000001_step.sql is not what was applied") {
			t.Errorf("Up = %v, want it to say which file is not what was applied", err)
		}
		if _, err := status(t.Context(), e, db, other); err == nil {
			t.Error("Status finds nothing wrong")
		}
	})
}

func TestAMigrationThatComesLateIsRefused(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		dir := folder(t)
		add(t, dir, "20260101000002_second.sql", table1)
		if _, err := up(t.Context(), e, db, dir); err != nil {
			t.Fatal(err)
		}
		add(t, dir, "20260101000003_third.sql", "CREATE TABLE c (id text);\n")
		if _, err := up(t.Context(), e, db, dir); err != nil {
			t.Fatal(err)
		}
		late := folder(t)
		add(t, late, "20260101000002_second.sql", table1)
		add(t, late, "20260101000003_third.sql", "CREATE TABLE c (id text);\n")
		add(t, late, "20260101000001_late.sql", "CREATE TABLE b (id text);\n")
		if applied, err := up(t.Context(), e, db, late); err == nil || len(applied) != 0 {
			t.Errorf("Up applied %v, %v; want a file that comes before what was applied refused", applied, err)
		}
	})
}

func TestADatabaseOfSomebodyElseIsLeftAlone(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		if _, err := db.Exec("CREATE TABLE orders (id text)"); err != nil {
			t.Fatal(err)
		}
		if applied, err := Up(t.Context(), e, db); err == nil || !strings.Contains(err.Error(), `"orders"`) || len(applied) != 0 {
			t.Errorf("Up applied %v, %v; want it refused for the table orders", applied, err)
		}
	})
}

func TestTheBinaryCarriesWhatTheTreeHolds(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		dir, err := embedded(e)
		if err != nil {
			t.Fatal(err)
		}
		inside, err := dir.Files()
		if err != nil {
			t.Fatal(err)
		}
		outside, err := filepath.Glob("../../schema/" + string(e) + "/migrations/*.sql")
		if err != nil || len(outside) != len(inside) || len(inside) == 0 {
			t.Errorf("the binary has %d migrations, the tree %d (%v)", len(inside), len(outside), err)
		}
	})
}
