package postgres_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// query is one statement as it is sent.
type query struct{ name, text string }

var named = regexp.MustCompile("(?s)const \\w+ = `-- name: (\\w+) :\\w+\n(.*?)`")

func queries(t *testing.T) (all []query) {
	t.Helper()
	files, err := filepath.Glob("../internal/pg/*.sql.go")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			all = append(all, query{m[1], m[2]})
		}
	}
	if err != nil || len(all) < 50 {
		t.Fatalf("found %d queries, %v; want all of them", len(all), err)
	}
	return all
}

// through is what a query has to find its rows by, and by what of it. The others have
// to find them by some index.
var through = map[string]string{
	"Images":               "images_newest (tenant = $1) AND (created_at <= $2)",
	"ImagesWithExternalID": "images_external_id (tenant = $1) AND (external_id = $7)",
	"ImageByExternalID":    "images_external_id (tenant = $1) AND (external_id = $2)",
	"NextTenant":           "images_sizes (tenant > $1)",
	"Jobs":                 "jobs_newest (tenant = $1) AND (created_at <= $2)",
	"JobsInState":          "jobs_newest_in_state (tenant = $1) AND (state = $2) AND (created_at <= $3)",
	"JobsOfImage":          "jobs_of_image (image_id = $2) AND (created_at <= $3)",
	"Twins":                "jobs_of_image (image_id = $2)",
	"LiveTwin":             "jobs_one_live (image_id = $2) AND (spec_digest = $3)",
	"LiveJobsOfImage":      "jobs_one_live (image_id = $1)",
	"CancelJobsOfImage":    "jobs_one_live (image_id = $2)",
	"BusyImages":           "jobs_one_live (image_id = ANY (",
	"ClaimNext":            "jobs_due (run_at <= statement_timestamp())",
	"ClaimTurn":            "jobs_turns (priority = $0) AND (tenant > $4) AND (run_at <= statement_timestamp())",
	"FleetQueue":           "jobs_due (run_at <= statement_timestamp())",
	"FleetRunning":         "jobs_running",
	"RunningJobs":          "jobs_newest_in_state (tenant = $1) AND (state = 'running'::text)",
	"ReapJobs":             "jobs_running",
	"ForgetJobs":           "jobs_pkey (id < 'j100500'::text)",
	"ForgetJobsOf":         "jobs_of_image (image_id = images.id)",
	"EventsOfImage":        "events_of_image (tenant = $1) AND (image_id = $2) AND (at <= $3)",
	"EventsOfTenant":       "events_newest (tenant = $1) AND (at <= $2)",
	"EventsOfEpoch":        "events_of_image (tenant = $1) AND (image_id = $2)",
	"ForgetEvents":         "events_pkey (id < 'e100500'::text)",
	"CountImages":          "images_sizes (tenant = $1)",
	"CountJobs":            "jobs_newest_in_state (tenant = $1)",
	"Backlog":              "jobs_due (priority = 0) AND (run_at <= statement_timestamp())",
	"CountQueued":          "jobs_newest_in_state (tenant = $1) AND (state = 'queued'::text)",
	"CountFinished":        "jobs_finished (tenant = $1) AND (finished_at > ",
	"FinishedTimes":        "jobs_finished (tenant = $1) AND (finished_at > ",
	"ExpiredImages":        "images_expiring (expires_at <= statement_timestamp())",
	"OldTombstones":        "images_tombstones (deleted_at < $1)",
	"OriginalObjects":      "images_pkey (id > $1)",
	"VariantObjects":       "variants_pkey (image_id >= $1)",
	"VariantsOf":           "variants_pkey (image_id = ANY (",
	"VariantsOfImage":      "variants_pkey (image_id = $1)",
	"LivingVariantKeys":    "variants_blob (blob_key = ANY (",
	"DueSweeps":            "sweep_tasks_due (not_before <= statement_timestamp())",
	"CountOverdueSweeps":   "sweep_tasks_due (not_before <= (statement_timestamp()",
	"PlannedSweepKeys":     "sweep_tasks_key (blob_key = ANY (",
	"SpareBlobs":           "sweep_tasks_key (blob_key = ANY (",
	"Reserved":             "reservations_of_tenant (tenant = $1) AND (expires_at > $2)",
	"ForgetReservations":   "reservations_expiry (expires_at <= $1)",
	"ForgetRates":          "rates_full (full_at <= $1)",
	"ReservedAndQueued":    "jobs_newest_in_state (tenant = $1) AND (state = 'queued'::text)",
	"ExpireAnswers":        "idempotency_expiry (expires_at <= statement_timestamp())",
}

// known has the values of queries that are planned with them: a limit that is not known
// is taken for a tenth of the table.
var known = map[string]string{
	"ForgetJobs":   "(now() - interval '1 day', 'j100500', 50)",
	"ForgetEvents": "('e100500', 50)",
}

// small are tables with as many rows as there are processes or stores, or whose rows
// are counted one and all.
var small = regexp.MustCompile(`Seq Scan on (workers|generations)|Aggregate [^\n]*\n  ->  Seq Scan on sweep_tasks`)

func TestQueriesFindTheirRowsThroughAnIndex(t *testing.T) {
	conn, planned := furnished(t), map[string]bool{}
	for _, q := range queries(t) {
		planned[q.name] = true
		plan := explain(t, conn, q)
		if want := through[q.name]; want != "" && !strings.Contains(condensed(plan), want) {
			t.Errorf("%s reads its rows so:\n%swant %s", q.name, plan, want)
		}
		if strings.Contains(plan, "Seq Scan") && !small.MatchString(plan) {
			t.Errorf("%s reads a whole table:\n%s", q.name, plan)
		}
		if strings.HasPrefix(plan, "Limit") && strings.Contains(plan, "Sort") && q.name != "ImagesWithExternalID" { // which is one at most
			t.Errorf("%s sorts what an index has in order:\n%s", q.name, plan)
		}
	}
	for name := range through {
		if !planned[name] {
			t.Errorf("there is no query %s any more", name)
		}
	}
}

var (
	subplan = regexp.MustCompile(`\(InitPlan \d+\)\.col\d+`) // as PostgreSQL 17 writes $0
	costs   = regexp.MustCompile(`  \(cost=[^\n]*`)
	scanned = regexp.MustCompile(`(?:using|Index Scan on) (\w+)[^\n]*(?:\n +(?:Recheck|Index) Cond: \(?(\([^\n]*))?`)
)

// condensed are the indexes of a plan, each with what is looked for in it. What another
// part of the plan finds is $0.
func condensed(plan string) (text string) {
	plan = subplan.ReplaceAllLiteralString(costs.ReplaceAllString(plan, ""), "$0")
	for _, m := range scanned.FindAllStringSubmatch(plan, -1) {
		text += m[1] + " " + m[2] + "\n"
	}
	return text
}

// furnished is a session on a database that has as much in it as the planner needs to
// prefer an index.
func furnished(t *testing.T) *sql.Conn {
	t.Helper()
	conn, err := fresh(t).SQL().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	for _, text := range furniture {
		if _, err := conn.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	}
	vacuumed(t, conn)
	return conn
}

// vacuumed returns when every row is known to be seen by all, so that an index alone
// can answer; until then a session of the server's own may look at older ones.
func vacuumed(t *testing.T, conn *sql.Conn) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if _, err := conn.ExecContext(t.Context(), "VACUUM ANALYZE"); err != nil {
			t.Fatal(err)
		}
		var hidden int
		err := conn.QueryRowContext(t.Context(), `SELECT count(*) FROM pg_class
			WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relallvisible < relpages`).Scan(&hidden)
		if err != nil {
			t.Fatal(err)
		}
		if hidden == 0 {
			return
		}
	}
	t.Fatal("after a minute rows are still not seen by all sessions")
}

// furniture is two tenants with 2000 images each, of which some are deleted or expire.
// An image has three jobs, most of them at an end, four variants and six events.
var furniture = []string{
	`INSERT INTO images (id, tenant, external_id, bucket, state, owner, content_type, bytes, sha256, width, height, pages,
	        has_alpha, metadata, warnings, version, created_at, updated_at, deleted_at, expires_at)
	SELECT 'i' || 10000 + i, 't' || i % 2, CASE WHEN i % 10 = 0 THEN '' ELSE 'x' || i END, 'default', 'ready', 'ann',
	       'image/png', i, md5(i::text), 1, 1, 1, false, '{}', '[]', 1, at, at,
	       CASE WHEN i % 10 = 0 THEN now() END, CASE WHEN i % 10 = 1 THEN now() + interval '1 day' END
	FROM   generate_series(1, 4000) AS i, LATERAL (SELECT now() - (4000 - i) * interval '1 minute' AS at) AS a`,
	`INSERT INTO jobs (id, tenant, image_id, state, spec, spec_version, spec_digest, priority, run_at, attempt, max_attempts, crashes, lost,
	        epoch, worker, lease_until, warnings, owner, created_at, started_at, finished_at)
	SELECT 'j' || 100000 + i, 't' || n % 2, 'i' || 10000 + n, state, '{}', 1, md5(i::text), i % 3, at, 1, 5, 0, 0,
	       1, 'w' || i % 4, CASE state WHEN 'running' THEN at END, '[]', 'ann', at, at, CASE WHEN state NOT IN ('queued', 'running') THEN at END
	FROM   generate_series(1, 12000) AS i,
	       LATERAL (SELECT 1 + i % 4000 AS n, now() - (12000 - i) * interval '20 seconds' AS at,
	                       CASE WHEN i % 10 = 0 THEN 'queued' WHEN i % 100 = 1 THEN 'running' WHEN i % 10 = 3 THEN 'failed' ELSE 'succeeded' END AS state) AS s`,
	`INSERT INTO variants (image_id, name, tenant, job_id, state, transform, blob_key, created_at, updated_at)
	SELECT 'i' || 10001 + i / 4, 'v' || i % 4, 't' || (1 + i / 4) % 2, 'j' || 100001 + i / 4, 'ready', 'w=1', 'v/i' || i, now(), now()
	FROM   generate_series(0, 15999) AS i`,
	`INSERT INTO embedded (image_id, tenant, document)
	SELECT 'i' || 10000 + i, 't' || i % 2, '{"exif": {"Make": "Acme"}}' FROM generate_series(1, 4000) AS i`,
	`INSERT INTO events (id, tenant, image_id, job_id, type, actor, epoch, detail, at)
	SELECT 'e' || 100000 + i, 't' || n % 2, 'i' || 10000 + n, 'j' || 100000 + n, 'job.claimed', 'ann', 1, '{}', now() - (24000 - i) * interval '10 seconds'
	FROM   generate_series(1, 24000) AS i, LATERAL (SELECT 1 + i % 4000 AS n) AS s`,
	`INSERT INTO idempotency (tenant, subject, route, key, token, locked_until, body, expires_at)
	SELECT 't' || i % 2, 'ann', 'POST /v1/images', 'k' || i, '', now(), '{}', now() + i * interval '1 second' FROM generate_series(1, 4000) AS i`,
	`INSERT INTO reservations (id, tenant, bytes, expires_at) SELECT 'r' || i, 't' || i % 100, 1, now() FROM generate_series(1, 4000) AS i`,
	`INSERT INTO usage (tenant, images, bytes, updated_at) SELECT 't' || i, 1, 1, now() FROM generate_series(1, 4000) AS i`,
	`INSERT INTO rates (key, full_at, fits_at, allowed) SELECT md5(i::text), now() + i * interval '1 second', now(), true FROM generate_series(1, 4000) AS i`,
	`INSERT INTO sweep_tasks (id, blob_key, not_before) SELECT 's' || i, 'o/i' || i, now() + i * interval '1 minute' FROM generate_series(1, 4000) AS i`,
	`INSERT INTO quarantine (sha256, image_id, job_id, created_at) SELECT md5(i::text), 'i', 'j', now() FROM generate_series(1, 4000) AS i`,
}

// explain has a statement planned for no values in particular: whatever somebody asks
// for has to be found in the same way.
func explain(t *testing.T, conn *sql.Conn, q query) (plan string) {
	t.Helper()
	if _, err := conn.ExecContext(t.Context(), "PREPARE "+q.name+" AS "+q.text); err != nil {
		t.Fatalf("%v\n%s", err, q.text)
	}
	var values string
	mode := "force_generic_plan"
	err := conn.QueryRowContext(t.Context(),
		"SELECT COALESCE('(' || NULLIF(array_to_string(array_fill('NULL'::text, ARRAY[cardinality(parameter_types)]), ', '), '') || ')', '') FROM pg_prepared_statements WHERE name = lower($1)", q.name).Scan(&values)
	if err != nil {
		t.Fatalf("%s has not been prepared: %v", q.name, err)
	}
	if with := known[q.name]; with != "" {
		values, mode = with, "force_custom_plan"
	}
	if _, err := conn.ExecContext(t.Context(), "SET plan_cache_mode = "+mode); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.QueryContext(t.Context(), "EXPLAIN EXECUTE "+q.name+values)
	if err != nil {
		t.Fatalf("%v\n%s", err, q.text)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		plan += line + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan
}
