package sqlite

import (
	"bytes"
	"testing"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

func TestASavepointIsUndoneHoweverMuchItChanged(t *testing.T) {
	for name, rows := range map[string]int{"in memory": 100, "in a file": 4 * roomy / 4096} {
		t.Run(name, func(t *testing.T) {
			db := fresh(t)
			run := func(text string, args ...any) {
				t.Helper()
				if _, err := db.conn.ExecContext(t.Context(), text, args...); err != nil {
					t.Fatalf("%s = %v", text, err)
				}
			}
			sum := func() (n int) {
				t.Helper()
				if err := db.conn.QueryRowContext(t.Context(), "SELECT sum(length(b) + n) FROM large").Scan(&n); err != nil {
					t.Fatal(err)
				}
				return n
			}
			run("CREATE TABLE large (n integer, b blob)")
			run("WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < ?) INSERT INTO large SELECT 0, zeroblob(3000) FROM i", rows)
			want := sum()
			run("BEGIN IMMEDIATE")
			run("SAVEPOINT wish")
			run("UPDATE large SET n = 1")
			if changed := sum(); changed != want+rows {
				t.Errorf("after the change it adds up to %d, want %d", changed, want+rows)
			}
			run("ROLLBACK TO wish")
			run("RELEASE wish")
			run("COMMIT")
			if got := sum(); got != want {
				t.Errorf("undone it adds up to %d, want %d as before", got, want)
			}
		})
	}
}

func TestAJournalBecomesAFileWhenItIsLarge(t *testing.T) {
	opened := 0
	file := &vfsutil.SliceFile{}
	j := &journal{File: &vfsutil.SliceFile{}, file: func() (vfs.File, vfs.OpenFlag, error) {
		opened++
		return file, 0, nil
	}}
	page := bytes.Repeat([]byte("page"), 1024)
	var written int64
	for ; written <= roomy; written += int64(len(page)) {
		if _, err := j.WriteAt(page, written); err != nil {
			t.Fatal(err)
		}
		if want := written+int64(len(page)) > roomy; (opened > 0) != want {
			t.Fatalf("with %d bytes it was opened %d times", written, opened)
		}
	}
	got := make([]byte, len(page))
	for off := int64(0); off < written; off += int64(len(page)) {
		if _, err := j.ReadAt(got, off); err != nil || !bytes.Equal(got, page) {
			t.Fatalf("at %d it reads %.8q, %v; want what was written", off, got, err)
		}
	}
	if n, err := file.Size(); opened != 1 || n != written || err != nil {
		t.Errorf("%d files were opened, the file has %d bytes (%v), want one with all %d", opened, n, err, written)
	}
}
