package sqlite

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// query is one statement of the queries folder, as sqlc reads it.
type query struct{ file, name, text string }

var named = regexp.MustCompile(`(?s)-- name: (\w+) :\w+\n(.*?);`)

func queries(t *testing.T) (all []query) {
	t.Helper()
	root := os.DirFS("../../../queries")
	err := fs.WalkDir(root, ".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".sql") || strings.HasPrefix(path, "postgres/") {
			return err
		}
		b, err := fs.ReadFile(root, path)
		for _, m := range named.FindAllStringSubmatch(string(b), -1) {
			all = append(all, query{path, m[1], m[2]})
		}
		return err
	})
	if err != nil || len(all) < 50 {
		t.Fatalf("found %d queries, %v; want all of them", len(all), err)
	}
	return all
}

// Without statistics the planner guesses between indexes that look alike, so the
// lists and the hot paths name the one they must have.
var through = map[string]string{
	"Images":               "images_newest (tenant=? AND created_at>? AND created_at<?)",
	"ImagesWithExternalID": "images_external_id (tenant=? AND external_id=?)",
	"ImageByExternalID":    "images_external_id (tenant=? AND external_id=?)",
	"NextTenant":           "images_sizes (tenant>?)",
	"Jobs":                 "jobs_newest (tenant=? AND created_at<?)",
	"JobsInState":          "jobs_newest_in_state (tenant=? AND state=? AND created_at<?)",
	"JobsOfImage":          "jobs_of_image (image_id=? AND created_at<?)",
	"Twins":                "jobs_of_image (image_id=?)",
	"LiveTwin":             "jobs_one_live (image_id=? AND spec_digest=?)",
	"LiveJobsOfImage":      "jobs_one_live (image_id=?)",
	"CancelJobsOfImage":    "jobs_one_live (image_id=?)",
	"ClaimNext":            "jobs_due",
	"FleetQueue":           "jobs_due",
	"FleetRunning":         "jobs_running",
	"ReapJobs":             "jobs_running",
	"EventsOfImage":        "events_of_image (tenant=? AND image_id=? AND at>? AND at<?)",
	"EventsOfTenant":       "events_newest (tenant=? AND at>? AND at<?)",
	"EventsOfEpoch":        "events_of_image (tenant=? AND image_id=?)",
	"CountImages":          "images_sizes (tenant=?)",
	"CountJobs":            "COVERING INDEX jobs_newest_in_state (tenant=?)",
	"CountFinished":        "COVERING INDEX jobs_finished (tenant=? AND finished_at>?)",
	"Backlog":              "COVERING INDEX jobs_due (priority=? AND run_at<?)",
	"ClaimTurn":            "jobs_turns (priority=? AND tenant>?)",
	"CountQueued":          "COVERING INDEX jobs_newest_in_state (tenant=? AND state=?)",
	"FinishedTimes":        "COVERING INDEX jobs_finished (tenant=? AND finished_at>?)",
	"LivingVariantKeys":    "variants_blob (blob_key=?)",
	"DueSweeps":            "sweep_tasks_due (not_before<?)",
	"ExpireAnswers":        "idempotency_expiry (expires_at<?)",
	"ExpiredImages":        "images_expiring (expires_at<?)",
	"OldTombstones":        "images_tombstones (deleted_at<?)",
	"ForgetJobs":           "sqlite_autoindex_jobs_1 (id<?)",
	"ForgetEvents":         "sqlite_autoindex_events_1 (id<?)",
	"ForgetJobsOf":         "jobs_of_image (image_id=?)",
	"ForgetVariantsOf":     "sqlite_autoindex_variants_1 (image_id=?)",
	"BusyImages":           "jobs_one_live (image_id=?)",
	"SpareBlobs":           "sweep_tasks_key (blob_key=?)",
	"CountOverdueSweeps":   "COVERING INDEX sweep_tasks_due (not_before<?)",
	"OriginalObjects":      "sqlite_autoindex_images_1 (id>?)",
	"Reserved":             "reservations_of_tenant (tenant=? AND expires_at>?)",
	"ForgetReservations":   "reservations_expiry (expires_at<?)",
	"ForgetRates":          "rates_full (full_at<?)",
	"ReservedAndQueued":    "COVERING INDEX jobs_newest_in_state (tenant=? AND state=?)",
	"VariantObjects":       "sqlite_autoindex_variants_1 (image_id>?)",
}

var (
	slice     = regexp.MustCompile(`sqlc\.slice\('\w+'\)`)
	nullable  = regexp.MustCompile(`sqlc\.narg\((\w+)\)`)
	parameter = regexp.MustCompile(`@\w+`)
)

func TestQueriesFindTheirRowsThroughAnIndex(t *testing.T) {
	db := fresh(t)
	for _, q := range queries(t) {
		if strings.HasPrefix(q.text, "INSERT") {
			continue
		}
		plan := explainPlan(t, db, nullable.ReplaceAllString(slice.ReplaceAllString(q.text, "?, ?"), "@$1"))
		if want := through[q.name]; !strings.Contains(plan, want) {
			t.Errorf("%s reads its rows so:\n%swant %s", q.name, plan, want)
		}
		for line := range strings.Lines(plan) {
			if strings.HasPrefix(line, "SCAN ") && !strings.Contains(line, "INDEX") && !strings.Contains(line, "CONSTANT") && line != "SCAN workers\n" && line != "SCAN line\n" { // as many rows as processes; what the query itself has found
				t.Errorf("%s reads a whole table: %s", q.name, line)
			}
			if strings.Contains(line, "TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%s sorts what an index has in order: %s", q.name, line)
			}
		}
	}
}

func explainPlan(t *testing.T, db *opened, text string) (plan string) {
	t.Helper()
	names := map[string]bool{}
	for _, name := range parameter.FindAllString(text, -1) {
		names[name] = true
	}
	args := slices.Repeat([]any{1}, len(names)+strings.Count(text, "?"))
	rows, err := db.reader.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan += detail + "\n"
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return plan
}
