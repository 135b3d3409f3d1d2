package records_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/records/postgres"
	"imgd/adapters/records/sqlite"
	"imgd/core"
	"imgd/e2e/rig"
	"imgd/ports"
)

// queue is how full a database is made: queued jobs of 50 tenants, a third of them
// due later, and beside them running and finished ones.
type queue struct{ queued, running, finished int }

// engine is what the seeding has to know of a database.
type engine struct {
	name    string
	open    func(b *testing.B) *records.DB
	indexes string // lists name and text of those of jobs
	numbers string // a table n(i) of 1 to $1
	at      string // a time of so many seconds from now
	analyze string
	list    string // an empty JSON list
}

var engines = []engine{
	{
		name: "sqlite",
		open: func(b *testing.B) *records.DB {
			e, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "imgd.db"))
			return ready(b, migrate.SQLite, e, err)
		},
		indexes: "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'jobs' AND sql IS NOT NULL",
		numbers: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)",
		at:      "(CAST(unixepoch('subsec') * 1000000 AS INTEGER) + (%s) * 1000000)",
		analyze: "PRAGMA optimize",
		list:    "CAST('[]' AS blob)",
	},
	{
		name: "postgres",
		open: func(b *testing.B) *records.DB {
			e, err := postgres.Open(b.Context(), postgres.Config{URL: rig.NewPostgres(b).URL, Timeout: time.Minute})
			return ready(b, migrate.Postgres, e, err)
		},
		indexes: "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'jobs' AND indexname <> 'jobs_pkey'",
		numbers: "WITH n(i) AS (SELECT generate_series(1, %d))",
		at:      "(clock_timestamp() + (%s) * interval '1 second')",
		analyze: "VACUUM ANALYZE jobs",
		list:    "'[]'",
	},
}

func ready(b *testing.B, kind migrate.Engine, e records.Engine, err error) *records.DB {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = e.Close() })
	if _, err := migrate.Up(b.Context(), kind, e.SQL()); err != nil {
		b.Fatal(err)
	}
	return records.New(e)
}

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// BenchmarkClaim compares a claim among a thousand queued jobs with one among many
// (IMGD_BENCH_QUEUED, IMGD_BENCH_FINISHED), one after the other, so that both meet the
// same noise: of whatever is due first, and of the tenant whose turn it is.
func BenchmarkClaim(all *testing.B) {
	queued := number("IMGD_BENCH_QUEUED", 1_000_000)
	sizes := []queue{{1_000, 50, 10_000}, {queued, queued / 20, number("IMGD_BENCH_FINISHED", 10_000_000)}}
	for _, e := range engines {
		var dbs []*records.DB // seeded once, although a benchmark is called twice
		all.Run(e.name, func(b *testing.B) {
			for _, size := range sizes[len(dbs):] {
				db := e.open(all)
				began := time.Now()
				e.seed(all, db, size)
				b.Logf("%+v seeded in %s", size, time.Since(began).Round(time.Second))
				dbs = append(dbs, db)
			}
			took, served := make([][]time.Duration, 2*len(dbs)), make([]string, len(dbs))
			b.ResetTimer()
			for range b.N {
				for i, db := range dbs {
					_, d := claim(b, db, "")
					took[i] = append(took[i], d)
					j, d := claim(b, db, served[i])
					served[i], took[2+i] = j.Tenant, append(took[2+i], d)
				}
			}
			b.StopTimer()
			for i, name := range []string{"few", "many", "few-in-turn", "many-in-turn"} {
				slices.Sort(took[i])
				for _, q := range []int{50, 99} {
					d := took[i][min(len(took[i])-1, len(took[i])*q/100)]
					b.ReportMetric(float64(d.Microseconds())/1000, fmt.Sprintf("ms-p%d-%s", q, name))
				}
			}
		})
	}
}

// claim takes a job and gives it back as a worker that stops does, so that the
// queue stays as full as it is.
func claim(b *testing.B, db *records.DB, after string) (job core.Job, took time.Duration) {
	b.Helper()
	jobs := records.Jobs{DB: db}
	began := time.Now()
	j, _, err := jobs.Claim(b.Context(), ports.Want{Worker: "w", Lease: time.Minute, After: after, SpecVersion: core.SpecVersion})
	took = time.Since(began)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := jobs.Finish(b.Context(), j, ports.Result{Outcome: core.Released}); err != nil {
		b.Fatal(err)
	}
	return j, took
}

// BenchmarkBacklog counts what waits, as an API process does once a second at most, among
// as many queued jobs as BenchmarkClaim has, and looks whether a tenant waits for any.
func BenchmarkBacklog(all *testing.B) {
	for _, e := range engines {
		db := e.open(all)
		queued := number("IMGD_BENCH_QUEUED", 1_000_000)
		e.seed(all, db, queue{queued, queued / 20, number("IMGD_BENCH_FINISHED", 10_000_000)})
		backlog := records.Backlog{DB: db}
		for _, most := range []int64{1_001, 20_001, 200_001} { // twice IMGD_QUEUE_JOBS and one
			all.Run(fmt.Sprintf("%s/count-%d", e.name, most), func(b *testing.B) {
				var mark int64
				for range b.N {
					found, err := backlog.Backlog(b.Context(), most, mark)
					if err != nil || found.Waiting == 0 {
						b.Fatalf("%+v wait, %v", found, err)
					}
					mark = found.Newest
				}
			})
		}
		for name, tenant := range map[string]string{"many": "t7", "nothing": "t77"} {
			all.Run(e.name+"/of-a-tenant-with-"+name, func(b *testing.B) {
				for range b.N {
					if waits, err := backlog.Waits(b.Context(), tenant); err != nil || waits != (name == "many") {
						b.Fatalf("it waits: %v, %v", waits, err)
					}
				}
			})
		}
	}
}

// seed fills the database, its indexes built at the end: row by row they take hours.
func (e engine) seed(b *testing.B, db *records.DB, q queue) {
	b.Helper()
	ctx := b.Context()
	run := func(text string) {
		if _, err := db.SQL().ExecContext(ctx, text); err != nil {
			b.Fatalf("%v\n%s", err, text)
		}
	}
	indexes := e.indexesOf(ctx, b, db.SQL())
	for name := range indexes {
		run("DROP INDEX " + name)
	}
	run(fmt.Sprintf(e.numbers, 50) + ` INSERT INTO images (id, tenant, bucket, state, owner, content_type, bytes, sha256, width, height, pages, has_alpha, metadata, warnings, version, created_at, updated_at)
		SELECT CAST(10000000 + i AS text), 't' || i, 'default', 'processing', 'ann', 'image/png', 1, '00', 1, 1, 1, false, ` + e.list + `, ` + e.list + `, 1, ` + fmt.Sprintf(e.at, "0") + `, ` + fmt.Sprintf(e.at, "0") + ` FROM n`)
	past := fmt.Sprintf(e.at, "-86400")
	for i, part := range []struct {
		n                                          int
		state, runAt, lease, started, finished, at string
	}{
		{q.finished, "'succeeded'", past, "NULL", past, past, past},
		{q.running, "'running'", past, fmt.Sprintf(e.at, "86400"), past, "NULL", past},
		{q.queued, "'queued'", fmt.Sprintf(e.at, "CASE WHEN i % 3 = 0 THEN 86400 ELSE -3600 END + i % 1000"), "NULL", "NULL", "NULL", past},
	} {
		run(fmt.Sprintf(e.numbers, part.n) + fmt.Sprintf(` INSERT INTO jobs (id, tenant, image_id, state, spec, spec_version, spec_digest, priority, run_at, attempt, max_attempts, crashes, lost, epoch,
			lease_until, warnings, owner, created_at, started_at, finished_at)
			SELECT '%d' || CAST(100000000 + i AS text), 't' || (1 + i %% 50), CAST(10000001 + i %% 50 AS text), %s, `+e.list+`, 1, CAST(%d + i AS text), 0, %s, %s, 5, 0, 0, 0,
			%s, `+e.list+`, 'ann', %s, %s, %s FROM n`, i, part.state, i*1_000_000_000, part.runAt, map[bool]string{true: "0", false: "1"}[part.state == "'queued'"], part.lease, part.at, part.started, part.finished))
	}
	for _, text := range indexes {
		run(text)
	}
	run(e.analyze)
}

func (e engine) indexesOf(ctx context.Context, b *testing.B, db *sql.DB) map[string]string {
	b.Helper()
	rows, err := db.QueryContext(ctx, e.indexes)
	if err != nil {
		b.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	list := map[string]string{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			b.Fatal(err)
		}
		list[name] = strings.TrimSpace(text)
	}
	if err := rows.Err(); err != nil || len(list) < 5 {
		b.Fatalf("%d indexes of jobs were found, %v", len(list), err)
	}
	return list
}
