// Package queries_test holds the SQL of both engines to the law of tenancy.
package queries_test

import (
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"imgd/schema"
)

// Queries that nobody calls on behalf of one tenant, or that only follow what
// such a query has found.
var excepted = map[string]string{}

func init() {
	for reason, names := range map[string]string{
		"a worker acts for every tenant and names the job it holds":  "ClaimNext ClaimTurn ClaimOne BeatJob HeldJob FinishJob ReapJobs AnyJob LockImage",
		"a worker publishes for the image of the job it holds":       "SpareBlobs PublishVariant VariantsOfImage FailPendingVariants LiveJobsOfImage SettleImage DescribeImage ImageOfJob",
		"bytes are dangerous whoever sends them":                     "Quarantined Quarantine",
		"the sweeper deletes what no tenant can see any more":        "DueSweeps PlanSweep PostponeSweep ForgetSweep LivingOriginals LivingVariantKeys PlannedSweepKeys CountSweeps CountOverdueSweeps OriginalObjects VariantObjects BusyImages",
		"housekeeping is done for all at once":                       "WorkerSeen WorkerGone ForgetWorkers TakeDuty ExpireAnswers Generation FirstGeneration NextGeneration ExpiredImages NextTenant ForgetJobs ForgetEvents OldTombstones ForgetVariantsOf ForgetJobsOf ForgetImages ForgetReservations NextUsage",
		"a key is a hash of tenant and subject":                      "TakeRate ForgetRates",
		"an administrator sees the whole fleet":                      "FleetQueue FleetRunning Workers CountRunning",
		"who may come in depends on what waits of everybody's":       "Backlog",
		"a signed link and a public bucket are read without a token": "PlaceOfImage",
		"the row carries its tenant, which a CHECK requires":         "CreateImage CreateVariant WishVariant CreateJob RecordEvent",
	} {
		for name := range strings.FieldsSeq(names) {
			excepted[name] = reason
		}
	}
}

var (
	heads      = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	comments   = regexp.MustCompile(`(?m)--.*$`)
	parameters = regexp.MustCompile(`@(\w+)|sqlc\.(?:narg|arg|slice)\('?(\w+)'?\)`)
	table      = regexp.MustCompile(`(?ms)^CREATE TABLE (\w+) \((.*?)^\)[^;]*;`)
	tenanted   = regexp.MustCompile(`(?m)^\s*tenant\s+text\s+(?:NOT NULL|PRIMARY KEY)`)
	narrowed   = regexp.MustCompile(`(?i)\bWHERE\s+(?:\w+\.)?tenant = @tenant\b`)
	update     = regexp.MustCompile(`(?i)^\s*UPDATE\b`)
	condition  = regexp.MustCompile(`(?i)\bWHERE\b`)
	inserted   = regexp.MustCompile(`(?i)\bINSERT\s+INTO\s+\w+\s*\(\s*tenant\b`)
)

// query is one query of a file.
type query struct{ file, name, text string }

// breach says how q breaks the law, empty when it keeps it. What an UPDATE sets
// stands before what it looks for and does not count.
func (q query) breach() string {
	text := q.text
	if at := condition.FindStringIndex(text); update.MatchString(text) && at != nil {
		text = text[at[0]:]
	}
	first := parameters.FindStringSubmatch(text)
	switch {
	case first == nil:
		return "it takes no tenant"
	case first[1] != "tenant":
		return "its first parameter is " + first[1] + first[2] + ", not tenant"
	case !narrowed.MatchString(q.text) && !inserted.MatchString(q.text):
		return "it takes a tenant and does not begin its WHERE with tenant = @tenant"
	}
	return ""
}

// parse splits a file into its queries.
func parse(file, text string) (queries []query) {
	at := heads.FindAllStringSubmatchIndex(text, -1)
	for i, m := range at {
		end := len(text)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		queries = append(queries, query{file, text[m[2]:m[3]], comments.ReplaceAllString(text[m[1]:end], "")})
	}
	return queries
}

// walk reads every query there is.
func walk(t *testing.T) (queries []query) {
	t.Helper()
	err := fs.WalkDir(os.DirFS("."), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".sql") {
			return err
		}
		text, err := os.ReadFile(path) // #nosec G304 -- a file of this folder
		queries = append(queries, parse(path, string(text))...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return queries
}

func TestEveryQueryForACallerBeginsWithTheTenant(t *testing.T) {
	queries := walk(t)
	if len(queries) < 50 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	for _, q := range queries {
		if breach := q.breach(); breach != "" && excepted[q.name] == "" {
			t.Errorf("%s: %s: %s. Narrow it, or except it here with the reason", q.file, q.name, breach)
		}
	}
}

func TestNoExceptionIsLeftOver(t *testing.T) {
	breaches := map[string]bool{}
	for _, q := range walk(t) {
		breaches[q.name] = breaches[q.name] || q.breach() != ""
	}
	for name := range excepted {
		if broken, exists := breaches[name]; !exists || !broken {
			t.Errorf("%s is excepted (%s), and needs it not: it exists %v, and breaks the law %v", name, excepted[name], exists, broken)
		}
	}
}

// Tables of ours, that hold nothing a tenant has sent.
var ours = []string{"quarantine", "sweep_tasks", "leases", "workers", "generations", "rates"}

func TestEveryTableNamesTheTenantOfItsRows(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		text, err := schema.Desired(engine)
		if err != nil {
			t.Fatal(err)
		}
		found := 0
		for _, m := range table.FindAllStringSubmatch(text, -1) {
			found++
			if named := tenanted.MatchString(m[2]); named == slices.Contains(ours, m[1]) {
				t.Errorf("schema/%s: %s has a tenant NOT NULL: %v. Give it one, or list it here as ours", engine, m[1], named)
			}
		}
		if found < 10 {
			t.Errorf("schema/%s: only %d tables were found", engine, found)
		}
	}
}

func TestBothEnginesHaveTheSameQueries(t *testing.T) {
	engines := map[string][]string{}
	for _, q := range walk(t) {
		if engine, _, nested := strings.Cut(q.file, "/"); nested {
			engines[engine] = append(engines[engine], q.name)
		}
	}
	names := slices.Sorted(maps.Keys(engines))
	for _, engine := range names {
		a, b := slices.Sorted(slices.Values(engines[engine])), slices.Sorted(slices.Values(engines[names[0]]))
		if !slices.Equal(a, b) {
			t.Errorf("queries/%s has %q, queries/%s has %q", engine, a, names[0], b)
		}
	}
}

// changes finds what alters the audit trail.
var changes = regexp.MustCompile(`(?i)\b(?:UPDATE|DELETE\s+FROM|REPLACE\s+INTO|TRUNCATE(?:\s+TABLE)?|DROP\s+TABLE)\s+"?events\b`)

// retention is the query that may.
const retention = "ForgetEvents"

func TestTheAuditTrailIsOnlyAppendedTo(t *testing.T) {
	seen := false
	for _, q := range walk(t) {
		changed := changes.MatchString(q.text)
		seen = seen || changed && q.name == retention
		if changed && q.name != retention {
			t.Errorf("%s: %s changes events. What is written stays until its retention is over", q.file, q.name)
		}
	}
	if !seen {
		t.Errorf("%s does not change events: this test sees nothing", retention)
	}
	err := fs.WalkDir(os.DirFS(".."), "adapters", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/internal/") {
			return err
		}
		text, err := os.ReadFile("../" + path) // #nosec G304 -- a file of this tree
		if changes.Match(text) {
			t.Errorf("%s changes events", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestTheLawCatchesWhatBreaksIt(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT * FROM images WHERE tenant = @tenant AND id = @id;":                  "",
		"SELECT * FROM images\nWHERE  images.tenant = @tenant\n  AND id = @id;":      "",
		"INSERT INTO usage (tenant, bytes) VALUES (@tenant, @bytes);":                "",
		"SELECT * FROM images WHERE id = @id AND tenant = @tenant;":                  "its first parameter is id, not tenant",
		"SELECT * FROM images WHERE id IN (sqlc.slice('ids')) AND tenant = @tenant;": "its first parameter is ids, not tenant",
		"SELECT count(*) FROM images;":                                               "it takes no tenant",
		"-- WHERE tenant = @tenant\nSELECT count(*) FROM images;":                    "it takes no tenant",
		"SELECT * FROM images WHERE tenant = @tenant2;":                              "its first parameter is tenant2, not tenant",
		"SELECT * FROM images WHERE (@tenant = '' OR tenant = @tenant);":             "it takes a tenant and does not begin its WHERE with tenant = @tenant",
		"UPDATE images SET owner = @owner WHERE tenant = @tenant AND id = @id;":      "",
		"UPDATE images SET tenant = @tenant WHERE id = @id;":                         "its first parameter is id, not tenant",
		"UPDATE images SET tenant = @tenant;":                                        "it takes a tenant and does not begin its WHERE with tenant = @tenant",
	} {
		qs := parse("x.sql", "-- name: X :many\n"+text)
		if len(qs) != 1 {
			t.Fatalf("%q parses as %d queries, want 1", text, len(qs))
		}
		if got := qs[0].breach(); got != want {
			t.Errorf("%s\nbreaks the law by %q, want %q", text, got, want)
		}
	}
}
