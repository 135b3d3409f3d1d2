package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/records"
)

func backup(t testing.TB, db *opened, path string) error {
	t.Helper()
	return db.Engine.(*DB).Backup(t.Context(), path)
}

func count(t testing.TB, db *opened, table string) (n int) {
	t.Helper()
	if err := db.reader.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestABackupUnderLoadIsOneMomentAndHoldsNobodyUp(t *testing.T) {
	db := fresh(t)
	fill(t, db, 20_000)
	var longest, writes atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			began := time.Now()
			if err := (records.Images{DB: db.DB}).Admit(ctx, admission()); err != nil && ctx.Err() == nil {
				t.Errorf("Admit during a backup = %v", err)
			}
			writes.Add(1)
			longest.Store(max(longest.Load(), int64(time.Since(began))))
		}
	}()
	defer func() { stop(); <-done }()
	for writes.Load() < 10 {
		time.Sleep(time.Millisecond)
	}
	longest.Store(0)
	before, began := writes.Load(), time.Now()
	if err := db.Engine.(*DB).copyTo(t.Context(), filepath.Join(t.TempDir(), "other.db")); err != nil {
		t.Fatal(err)
	}
	took, during := time.Since(began).Round(time.Millisecond), writes.Load()-before
	t.Logf("the copy took %s, with %d writes meanwhile, the longest of %s", took, during, time.Duration(longest.Load()).Round(time.Millisecond))
	if during < 5 {
		t.Errorf("a copy that took %s let %d writes through, want writers to go on", took, during)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	before = writes.Load()
	if err := backup(t, db, path); err != nil {
		t.Fatal(err)
	}
	during = writes.Load() - before
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode().Perm() != 0o600 {
		t.Errorf("the copy has the mode %s, want 0600", st.Mode())
	}
	restored := file(t, path)
	images, jobs := count(t, restored, "images"), count(t, restored, "jobs")
	if images != jobs || images < 20_000+int(before)-1 || images > 20_000+int(before+during)+1 {
		t.Errorf("the copy has %d images and %d jobs, want as many of both, of one moment between %d and %d", images, jobs, 20_000+before, 20_000+before+during)
	}
}

// fill adds n images with a job each.
func fill(t *testing.T, db *opened, n int) {
	t.Helper()
	a := admission()
	if err := (records.Images{DB: db.DB}).Admit(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"images", "jobs"} {
		var columns string
		if err := db.reader.QueryRowContext(t.Context(), "SELECT group_concat(name, ', ') FROM pragma_table_info(?) WHERE name NOT IN ('id', 'image_id', 'external_id')", table).Scan(&columns); err != nil {
			t.Fatal(err)
		}
		own, from := "id", "printf('%s-%d', id, i)"
		if table == "jobs" {
			own, from = "id, image_id", "printf('%s-%d', id, i), printf('%s-%d', image_id, i)"
		}
		text := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) INSERT INTO " + table +
			" (" + own + ", " + columns + ") SELECT " + from + ", " + columns + " FROM " + table + ", n"
		if _, err := db.writer.ExecContext(t.Context(), text, n-1); err != nil {
			t.Fatal(err)
		}
	}
}

func TestABackupIsNeverWrittenOverAnything(t *testing.T) {
	db := fresh(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "copy.db")
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := backup(t, db, path); err == nil || !strings.Contains(err.Error(), "name a new file") {
		t.Errorf("a backup over a file = %v, want a refusal", err)
	}
	if text, _ := os.ReadFile(path); string(text) != "precious" {
		t.Errorf("the file is %q after it", text)
	}
	if err := backup(t, db, filepath.Join(dir, "none", "copy.db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a backup into a folder there is not = %v, want it named", err)
	}
	if err := backup(t, db, filepath.Join(dir, "good.db")); err != nil {
		t.Errorf("a backup beside it = %v", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 {
		t.Errorf("the folder has %v (%v), want the two files and nothing half-written", entries, err)
	}
}

func TestABackupThatIsInterruptedLeavesNothing(t *testing.T) {
	db := fresh(t)
	fill(t, db, 5000)
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond)
	defer cancel()
	if err := db.Engine.(*DB).Backup(ctx, filepath.Join(dir, "copy.db")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an interrupted backup = %v, want the context's own error", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("the folder has %v, want nothing", entries)
	}
}
