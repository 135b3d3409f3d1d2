// Package ledger looks at a deployment from behind, at its rows by SQL and at its
// store, and says what does not add up.
package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"       // registers pgx
	_ "github.com/ncruces/go-sqlite3/driver" // registers sqlite3

	"imgd/e2e/rig"
)

// Books are the rows and the store of one deployment.
type Books struct {
	DB    *sql.DB
	store store
	site  *rig.Site
}

// store lists objects, and what is half-written.
type store interface {
	objects(ctx context.Context) (map[string]int64, error)
	unfinished(ctx context.Context) ([]string, error)
}

// Open looks where the processes of the site look. A bucket is that of the account
// in the site's variables.
func Open(t testing.TB, s *rig.Site) *Books {
	t.Helper()
	driver, source := "sqlite3", "file:"+filepath.Join(s.Dir, "imgd.db")+"?_pragma=busy_timeout(10000)"
	switch url := setting(s, "IMGD_DATABASE_URL"); {
	case strings.HasPrefix(url, "postgres"):
		driver, source = "pgx", url
	case url != "":
		source = strings.Replace(source, filepath.Join(s.Dir, "imgd.db"), strings.TrimPrefix(url, "sqlite:"), 1)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetConnMaxIdleTime(time.Second) // the server may be away in between
	b := &Books{DB: db, site: s, store: folder(filepath.Join(s.Dir, "blobs"))}
	if url := setting(s, "IMGD_STORAGE_URL"); url != "" {
		if b.store, err = openBucket(url, setting(s, "AWS_ACCESS_KEY_ID"), setting(s, "AWS_SECRET_ACCESS_KEY")); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// setting is the last value of a variable.
func setting(s *rig.Site, name string) (value string) {
	for _, e := range s.Env {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			value = v
		}
	}
	return value
}

// Count is a number that a query asks for.
func (b *Books) Count(ctx context.Context, query string) (n int, err error) {
	err = b.DB.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// Live counts jobs that are not at an end.
func (b *Books) Live(ctx context.Context) (int, error) {
	return b.Count(ctx, "SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')")
}

// Quiet waits until no job is queued or running, and returns how long that took.
func (b *Books) Quiet(ctx context.Context, most time.Duration) (time.Duration, error) {
	began := time.Now()
	for {
		n, err := b.Live(ctx)
		switch {
		case err == nil && n == 0:
			return time.Since(began), nil
		case time.Since(began) > most:
			return most, errors.Join(fmt.Errorf("after %s %d jobs are still queued or running", most, n), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// texts is the only column of a query.
func (b *Books) texts(ctx context.Context, query string) (list []string, err error) {
	rows, err := b.DB.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// Balance is what the rows and the store have that the other has not.
type Balance struct {
	Orphans    []string // objects that no living row needs
	Missing    []string // objects that a living row needs, and that are not there
	Unfinished []string // half-written
	Sweeps     int      // objects that are to be deleted
}

// Balance compares the rows with the store.
func (b *Books) Balance(ctx context.Context) (found Balance, err error) {
	objects, err := b.store.objects(ctx)
	if err != nil {
		return found, err
	}
	needed, err := b.texts(ctx, "SELECT 'o/' || id FROM images WHERE deleted_at IS NULL"+
		" UNION SELECT v.blob_key FROM variants v JOIN images i ON i.id = v.image_id WHERE i.deleted_at IS NULL AND v.blob_key <> ''")
	if err != nil {
		return found, err
	}
	for _, key := range needed {
		if _, ok := objects[key]; !ok {
			found.Missing = append(found.Missing, key)
		}
		delete(objects, key)
	}
	for key := range objects {
		if !strings.HasPrefix(key, "generation/") {
			found.Orphans = append(found.Orphans, key)
		}
	}
	slices.Sort(found.Orphans)
	if found.Unfinished, err = b.store.unfinished(ctx); err != nil {
		return found, err
	}
	found.Sweeps, err = b.Count(ctx, "SELECT count(*) FROM sweep_tasks")
	return found, err
}

// Clean says what is left that should not be, after the doctor was there.
func (b *Books) Clean(ctx context.Context) error {
	if err := b.Doctor(ctx); err != nil {
		return err
	}
	found, err := b.Balance(ctx)
	if err == nil && (len(found.Orphans)+len(found.Missing)+len(found.Unfinished) > 0 || found.Sweeps > 0) {
		err = fmt.Errorf("after a sweep there is still %+v", found)
	}
	return err
}
