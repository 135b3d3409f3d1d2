package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"imgd/adapters/records"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

func TestTwoHandlesOnOneFileMakeOneMachine(t *testing.T) {
	// Callers have one handle and workers the other, as api and worker processes do.
	open := func(t *testing.T) *portstest.Store {
		t.Helper()
		path := newFile(t)
		api, worker := file(t, path), file(t, path)
		s := store(api)
		s.Jobs, s.House = records.Jobs{DB: worker.DB}, records.Housekeeping{DB: worker.DB}
		return s
	}
	portstest.Jobs(t, open)
}

func TestTwoHandlesClaimEveryJobOnce(t *testing.T) {
	const jobs = 60
	path := newFile(t)
	handles := []*opened{file(t, path), file(t, path)}
	for range jobs {
		admit(t, handles[0])
	}
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		taken = map[core.ID]string{}
	)
	for i := range 8 {
		wg.Go(func() {
			worker := fmt.Sprint("w", i)
			for {
				j, _, err := records.Jobs{DB: handles[i%2].DB}.Claim(t.Context(), ports.Want{Worker: worker, Lease: time.Minute, SpecVersion: core.SpecVersion})
				if core.KindOf(err) == core.NotFound {
					return
				}
				if err != nil {
					t.Errorf("Claim = %v", err)
					return
				}
				mu.Lock()
				if had := taken[j.ID]; had != "" || j.Epoch != 1 {
					t.Errorf("%s claims job %s in epoch %d, and %q has it", worker, j.ID, j.Epoch, had)
				}
				taken[j.ID] = worker
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if len(taken) != jobs {
		t.Errorf("%d of %d jobs were claimed", len(taken), jobs)
	}
}

func TestOpenSetsWhatSafetyNeeds(t *testing.T) {
	db := fresh(t)
	for _, c := range []struct {
		on     *sql.DB
		pragma string
		want   string
	}{
		{db.writer, "journal_mode", "wal"},
		{db.writer, "synchronous", "2"}, // full
		{db.writer, "foreign_keys", "1"},
		{db.writer, "busy_timeout", "5000"},
		{db.reader, "query_only", "1"},
		{db.reader, "busy_timeout", "5000"},
	} {
		var got string
		if err := c.on.QueryRowContext(t.Context(), "PRAGMA "+c.pragma).Scan(&got); err != nil || got != c.want {
			t.Errorf("%s = %q (%v), want %q", c.pragma, got, err, c.want)
		}
	}
	if _, err := db.reader.ExecContext(t.Context(), "DELETE FROM jobs"); err == nil {
		t.Error("the reading connections can write")
	}
	orphan := "INSERT INTO variants (image_id, name, tenant, job_id, state, transform, created_at, updated_at) VALUES ('x', 'a', 'acme', 'y', 'pending', 'w=1', 0, 0)"
	if _, err := db.writer.ExecContext(t.Context(), orphan); !errors.Is(err, sqlite3.CONSTRAINT_FOREIGNKEY) {
		t.Errorf("a variant of no image = %v, want its foreign key refused", err)
	}
}

func TestOpenMakesTheFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b", "c?d#e%41", "imgd.db") // none of it is part of an address
	file(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the database is not where it was asked for: %v", err)
	}
}

func TestOpenRefusesWhatIsNoDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "imgd.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
		if db != nil {
			_ = db.Close()
		}
		t.Errorf("Open of a text file = %v, want an error that names it", err)
	}
}

func TestTimesComeBackToTheMicrosecond(t *testing.T) {
	db := fresh(t)
	for _, us := range []int64{0, 1, 999_999, 1_000_000, 1_700_000_000_123_456, 1_700_000_000_000_000, 1_700_000_000_120_000} {
		at := time.UnixMicro(us).UTC()
		a := admission()
		a.Image.CreatedAt = at
		if err := (records.Images{DB: db.DB}).Admit(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		rec, err := records.Images{DB: db.DB}.Image(t.Context(), "acme", a.Image.ID)
		if err != nil || rec.Image.CreatedAt != at {
			t.Errorf("%v comes back as %v (%v)", at, rec.Image.CreatedAt, err)
		}
		var kind string
		if err := db.reader.QueryRowContext(t.Context(), "SELECT typeof(created_at) FROM images WHERE id = ?", a.Image.ID).Scan(&kind); err != nil || kind != "integer" {
			t.Errorf("%v is stored as %s (%v), want an integer", at, kind, err)
		}
	}
}

// TestADueJobIsClaimableToTheMicrosecond has run_at written with every kind of
// fraction, as a text would have lost it.
func TestADueJobIsClaimableToTheMicrosecond(t *testing.T) {
	db := fresh(t)
	var now int64
	if err := db.writer.QueryRowContext(t.Context(), "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)").Scan(&now); err != nil {
		t.Fatal(err)
	}
	second := now / 1_000_000 * 1_000_000
	var wanted []core.ID
	for _, at := range []int64{0, 1, second - 1_000_000, second - 999_999, second - 900_000, second - 123_456, second - 1, now} {
		wanted = append(wanted, admitDue(t, db, time.UnixMicro(at)))
	}
	later := admitDue(t, db, time.UnixMicro(now).Add(time.Hour))
	for i, id := range wanted {
		if j := claim(t, db); j.ID != id {
			t.Errorf("claim %d takes the job due at %v, want them in the order of their time", i, j.RunAt)
		}
	}
	if j, _, err := (records.Jobs{DB: db.DB}).Claim(t.Context(), ports.Want{Worker: "w", Lease: time.Minute, SpecVersion: core.SpecVersion}); core.KindOf(err) != core.NotFound {
		t.Errorf("Claim takes %s (%v) with only %s left, that is due in an hour", j.ID, err, later)
	}
}

func TestWorkersOutliveAnInterruptedOne(t *testing.T) {
	db := fresh(t)
	for range 50 { // a context that ends inside a call must not leave its transaction open
		ctx, cancel := context.WithCancel(t.Context())
		stop := time.AfterFunc(200*time.Microsecond, cancel)
		_ = (records.Images{DB: db.DB}).Admit(ctx, admission())
		stop.Stop()
		cancel()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if err := (records.Images{DB: db.DB}).Admit(ctx, admission()); err != nil {
		t.Errorf("Admit after interrupted ones = %v", err)
	}
}
