package migrate

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOfSeveralStartersOneMigrates(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		where := address(t, e)
		var wg sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for range 3 {
			db := open(t, e, where)
			wg.Go(func() {
				applied, err := Up(t.Context(), e, db)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				total += len(applied)
			})
		}
		wg.Wait()
		all, err := Status(t.Context(), e, open(t, e, where))
		if err != nil || total != len(all.Applied) || len(all.Pending) != 0 {
			t.Errorf("three starters applied %d files; applied is %v, pending %v (%v)", total, all.Applied, all.Pending, err)
		}
	})
}

func TestWithNothingToMigrateNobodyIsWaitedFor(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		current, empty := impatient(t, e), impatient(t, e)
		if _, err := Up(t.Context(), e, open(t, e, current)); err != nil {
			t.Fatal(err)
		}
		hang(t, e, current)
		hang(t, e, empty)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if applied, err := Up(ctx, e, open(t, e, current)); err != nil || len(applied) != 0 {
			t.Errorf("Up beside a process that holds the lock and hangs = %v, %v; want nothing to be done", applied, err)
		}
		soon, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if _, err := Up(soon, e, open(t, e, empty)); err == nil || !strings.Contains(err.Error(), "another process is") {
			t.Errorf("Up of an empty database beside it = %v, want it to say who is in the way", err)
		}
	})
}

// impatient is the address of an empty database that waits little for locks.
func impatient(t *testing.T, e Engine) string {
	t.Helper()
	if e == Postgres {
		return address(t, e)
	}
	return address(t, e) + "&_pragma=busy_timeout(50)&_txlock=immediate"
}

// hang holds the lock of migrations for as long as the test runs.
func hang(t *testing.T, e Engine, address string) {
	t.Helper()
	tx, err := open(t, e, address).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if e == SQLite {
		return
	}
	if _, err := tx.ExecContext(t.Context(), "SELECT pg_advisory_xact_lock($1)", int64(lockKey)); err != nil {
		t.Fatal(err)
	}
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		db := fresh(t, e)
		dir := folder(t, table1, "CREATE TABLE b (id text);\nINSERT INTO nowhere VALUES (1);\n")
		applied, err := up(t.Context(), e, db, dir)
		if err == nil || len(applied) != 1 {
			t.Fatalf("Up applied %v, %v; want the first file alone", applied, err)
		}
		for _, part := range []string{"20260101000002_step.sql", "nowhere", "INSERT INTO"} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error is %q, want it to name %s", err, part)
			}
		}
		if strings.Contains(err.Error(), "aborted") {
			t.Errorf("the error tells what came of it too: %v", err)
		}
		asBefore(t, e, db)
		add(t, dir, "20260101000002_step.sql", "CREATE TABLE b (id text);\n")
		if applied, err := up(t.Context(), e, db, dir); err != nil || len(applied) != 1 {
			t.Errorf("once mended, Up applied %v, %v", applied, err)
		}
	})
}

// asBefore wants the first file of a test applied, and nothing of the second, whose
// table is called b.
func asBefore(t *testing.T, e Engine, db *sql.DB) {
	t.Helper()
	if n := count(t, db, "SELECT count(*) FROM a"); n != 1 {
		t.Errorf("the old schema has %d rows, want it usable with 1", n)
	}
	if n := count(t, db, "SELECT count(*) FROM revisions"); n != 1 {
		t.Errorf("%d files count as applied, want 1", n)
	}
	if lines := seen(t, e, db); slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, "column b.") }) {
		t.Error("a table of the file that was not finished is there")
	}
}

// slow is a statement that takes long enough to be interrupted.
func slow(e Engine) string {
	if e == Postgres {
		return "SELECT pg_sleep(60);\n"
	}
	return "INSERT INTO b SELECT count(*) FROM (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT i FROM n);\n"
}

func TestAMigrationThatIsInterruptedLeavesNothing(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		where := address(t, e)
		db := open(t, e, where)
		dir := folder(t, table1, "CREATE TABLE b (id text);\n"+slow(e))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if applied, err := up(ctx, e, db, dir); err == nil || len(applied) != 1 {
			t.Fatalf("Up applied %v, %v; want it interrupted in the second file", applied, err)
		}
		asBefore(t, e, db)
		if e == SQLite && count(t, db, "PRAGMA foreign_keys") != 1 {
			t.Error("foreign keys are off after the interruption")
		}
	})
}

func TestAMigratorThatIsKilledLeavesNothingAndHoldsNothing(t *testing.T) {
	on(t, func(t *testing.T, e Engine) {
		where := address(t, e)
		dir := folder(t, table1, "CREATE TABLE b (id text);\n"+slow(e))
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), "MIGRATE_ENGINE="+string(e), "MIGRATE_ADDRESS="+where, "MIGRATE_FOLDER="+dir.Path())
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		db := open(t, e, where)
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			s, err := status(t.Context(), e, db, dir)
			if err == nil && len(s.Applied) == 1 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("the migrator has not applied the first file: %+v, %v", s, err)
			}
		}
		time.Sleep(300 * time.Millisecond) // it is in the second one now
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		asBefore(t, e, db)
		add(t, dir, "20260101000002_step.sql", "CREATE TABLE b (id text);\n")
		ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
		defer cancel()
		began := time.Now()
		if applied, err := up(ctx, e, db, dir); err != nil || len(applied) != 1 {
			t.Errorf("the next migrator applied %v, %v after %s; want the second file", applied, err, time.Since(began))
		}
	})
}

func TestADanglingKeyIsRefused(t *testing.T) {
	dir := folder(t, table1, "CREATE TABLE b (a text CONSTRAINT b_a REFERENCES a (id));\nINSERT INTO b VALUES ('nobody');\n")
	if _, err := up(t.Context(), SQLite, fresh(t, SQLite), dir); err == nil || !strings.Contains(err.Error(), "foreign key") {
		t.Errorf("Up = %v, want an error about a foreign key", err)
	}
}

func TestRowsThatReferToARebuiltTableSurvive(t *testing.T) {
	db := fresh(t, SQLite)
	dir := folder(t, table1,
		"CREATE TABLE b (a text CONSTRAINT b_a REFERENCES a (id) ON DELETE CASCADE);\nINSERT INTO b VALUES ('x');\n",
		"CREATE TABLE new_a (id text NOT NULL PRIMARY KEY);\nINSERT INTO new_a SELECT id FROM a;\nDROP TABLE a;\nALTER TABLE new_a RENAME TO a;\n")
	if _, err := up(t.Context(), SQLite, db, dir); err != nil {
		t.Fatal(err)
	}
	if n := count(t, db, "SELECT count(*) FROM b JOIN a ON a.id = b.a"); n != 1 {
		t.Errorf("%d rows refer to the rebuilt table, want 1", n)
	}
}

func TestAnIndexIsBuiltBesideTheTraffic(t *testing.T) {
	const concurrently = "-- atlas:txmode none\n\nDROP INDEX CONCURRENTLY IF EXISTS a_n;\nCREATE UNIQUE INDEX CONCURRENTLY a_n ON a (n);\n"
	where := address(t, Postgres)
	db := open(t, Postgres, where)
	dir := folder(t, table1)
	if _, err := up(t.Context(), Postgres, db, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("INSERT INTO a (id, n) VALUES ('y', 1)"); err != nil {
		t.Fatal(err)
	}
	add(t, dir, "20260101000002_step.sql", concurrently)
	if applied, err := up(t.Context(), Postgres, db, dir); err == nil || len(applied) != 0 {
		t.Fatalf("Up applied %v, %v; want a unique index over equal rows to fail", applied, err)
	}
	if s, err := status(t.Context(), Postgres, db, dir); err != nil || len(s.Pending) != 1 {
		t.Errorf("after the failure: %+v, %v; want the file pending", s, err)
	}
	if _, err := db.Exec("UPDATE a SET n = 2 WHERE id = 'y'"); err != nil {
		t.Fatal(err)
	}
	// Three at once: who waits for the lock must not be waited for by the index.
	var wg sync.WaitGroup
	var mu sync.Mutex
	total := 0
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for range 3 {
		db := open(t, Postgres, where)
		wg.Go(func() {
			applied, err := up(ctx, Postgres, db, dir)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			total += len(applied)
		})
	}
	wg.Wait()
	if total != 1 || count(t, db, "SELECT count(*) FROM pg_index WHERE indexrelid = 'a_n'::regclass AND indisvalid") != 1 {
		t.Errorf("the file was applied %d times; want once, and the index valid", total)
	}
	if _, err := up(t.Context(), SQLite, fresh(t, SQLite), dir); err == nil || !strings.Contains(err.Error(), "txmode none") {
		t.Errorf("SQLite takes a file outside a transaction: %v", err)
	}
}

func TestATableInUseIsNotWaitedForLong(t *testing.T) {
	db := fresh(t, Postgres)
	dir := folder(t, table1)
	if _, err := up(t.Context(), Postgres, db, dir); err != nil {
		t.Fatal(err)
	}
	busy, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Rollback()
	if _, err := busy.Exec("SELECT * FROM a"); err != nil {
		t.Fatal(err)
	}
	add(t, dir, "20260101000002_step.sql", "ALTER TABLE a ADD COLUMN m bigint NULL;\n")
	began := time.Now()
	_, err = up(t.Context(), Postgres, db, dir)
	if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "in use") || took > patience+5*time.Second {
		t.Errorf("Up = %v after %s, want it to say that the table is in use after %s", err, took, patience)
	}
}
