package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// command runs one of imgd's commands where the processes of a site live.
func command(t testing.TB, site *rig.Site, args ...string) (stdout []byte, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), site.Bin, args...)
	cmd.Dir = site.Dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + site.Dir, "TMPDIR=" + site.Dir,
		"IMGD_DATABASE_URL=sqlite:" + filepath.Join(site.Dir, "imgd.db"), "IMGD_STORAGE_URL=file:" + filepath.Join(site.Dir, "blobs"),
	}, site.Env...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err = cmd.Run(); err != nil {
		err = fmt.Errorf("imgd %s: %w\n%s", strings.Join(args, " "), err, &said)
	}
	return out.Bytes(), err
}

type finding struct {
	Count    int64    `json:"count"`
	Examples []string `json:"examples"`
}

// findings is what the doctor reports.
type findings struct {
	Wrong      bool    `json:"wrong"`
	Objects    int64   `json:"objects"`
	Needed     int64   `json:"needed"`
	Waiting    int64   `json:"waiting"`
	Orphans    finding `json:"orphans"`
	Missing    finding `json:"missing"`
	Damaged    finding `json:"damaged"`
	Generation string  `json:"generation"`
	Met        bool    `json:"met"`
}

// doctor examines every byte. An exit status of 1 has to go with something wrong.
func doctor(t testing.TB, site *rig.Site, args ...string) (f findings) {
	t.Helper()
	out, err := command(t, site, append([]string{"doctor", "--json", "--digests", "--age=1ns"}, args...)...)
	if e := json.Unmarshal(out, &f); e != nil {
		t.Fatalf("the doctor reports %q: %v, %v", out, e, err)
	}
	exit, failed := errors.AsType[*exec.ExitError](err)
	if failed != f.Wrong || failed && exit.ExitCode() != 1 {
		t.Errorf("the doctor reports wrong %v and ends with %v", f.Wrong, err)
	}
	return f
}

// stored lists the files of a site's store, without what ties it to a database.
func stored(t testing.TB, site *rig.Site) (names []string) {
	t.Helper()
	root := filepath.Join(site.Dir, "blobs")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil && !d.IsDir() && !strings.Contains(path, "/.staging/") && !strings.Contains(path, "/generation/") {
			names = append(names, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// age makes every object that is a second old a day old, so that a scan does not
// take it for an upload under way.
func age(t testing.TB, site *rig.Site) {
	t.Helper()
	for _, name := range stored(t, site) {
		if st, err := os.Stat(name); err == nil && time.Since(st.ModTime()) > time.Second {
			_ = os.Chtimes(name, time.Time{}, time.Now().Add(-24*time.Hour)) // it may be gone
		}
	}
}

// whole is how long the crowd is at work before the backup is made: longer than
// the grace, so that objects are swept before, during and after it.
func whole(t testing.TB) time.Duration {
	t.Helper()
	text := os.Getenv("TEST_KEEP")
	if text == "" {
		return 12 * time.Second
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("TEST_KEEP: %v", err)
	}
	return d
}

// A backup that is made while everybody is at work, and restored over a store that
// has gone on since, finds every byte its rows need: within the grace nothing goes
// that any row of that moment needed, and a database older than its store sweeps
// nothing until somebody has accepted it.
func TestARestoredBackupFindsAllItNeeds(t *testing.T) {
	t.Parallel()
	before := whole(t)
	grace := max(before/2, 6*time.Second)
	site := rig.NewSite(t, shipped, "IMGD_ORPHAN_SCAN=1s")
	p := site.Start(t, "serve", "IMGD_BLOB_GRACE="+grace.String())
	people, stop := newCrowd(t, p.URL), make(chan struct{})
	var at sync.WaitGroup
	for range 3 {
		at.Go(func() { people.run(t, stop) })
	}
	at.Go(func() {
		for tick := time.NewTicker(300 * time.Millisecond); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				age(t, site)
			}
		}
	})
	time.Sleep(before)
	copied := filepath.Join(site.Dir, "copy.db")
	made := time.Now()
	if _, err := command(t, site, "backup", copied); err != nil {
		t.Fatal(err)
	}
	took := time.Since(made)
	time.Sleep(time.Until(made.Add(grace * 3 / 4)))
	p.Kill9()
	if late := time.Since(made); late > grace {
		t.Fatalf("the service was stopped %s after the backup, and the grace is %s: this machine is too slow for the test", late, grace)
	}
	close(stop)
	at.Wait()
	checkCrowd(t, site, people, made, grace)
	now := doctor(t, site)
	if now.Missing.Count != 0 || now.Damaged.Count != 0 || now.Generation != "" || now.Waiting == 0 {
		t.Errorf("before the restore the doctor finds %+v, want nothing missing, and sweeps waiting", now)
	}
	putBack(t, site, copied)
	restored := doctor(t, site)
	t.Logf("%v in %s; the backup took %s; now %d objects for %d needs, restored %d", people.did, time.Since(made)+before, took.Round(time.Millisecond), now.Objects, now.Needed, restored.Needed)
	if restored.Missing.Count != 0 || restored.Damaged.Count != 0 || restored.Needed == 0 {
		t.Errorf("after the restore the doctor finds %+v, want nothing missing and nothing damaged", restored)
	}
	if !strings.Contains(restored.Generation, "restored from a backup") {
		t.Errorf("after the restore the doctor says %q of the generation, want it noticed", restored.Generation)
	}
	acceptAndSweep(t, site)
}

// checkCrowd sees that there was something to be kept from being swept.
func checkCrowd(t *testing.T, site *rig.Site, people *crowd, made time.Time, grace time.Duration) {
	t.Helper()
	for _, what := range []string{"upload", "delete", "replace", "retry"} {
		if people.did[what] == 0 {
			t.Errorf("nobody did %s: %v", what, people.did)
		}
	}
	swept, kept := 0, 0
	for id, at := range people.deleted {
		_, err := os.Stat(filepath.Join(site.Dir, "blobs", "o", id))
		switch {
		case err != nil:
			swept++
		case at.After(made):
			kept++
		}
		if err != nil && time.Since(at) < grace {
			t.Errorf("the original of %s is gone %s after it was deleted, within the grace of %s", id, time.Since(at), grace)
		}
	}
	if swept == 0 || kept == 0 {
		t.Errorf("of %d deleted images %d were swept and %d of those deleted since the backup are kept, want some of both", len(people.deleted), swept, kept)
	}
}

// putBack restores the database as docs/operations.md says.
func putBack(t *testing.T, site *rig.Site, from string) {
	t.Helper()
	db := filepath.Join(site.Dir, "imgd.db")
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(db + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(db, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func stopped(t *testing.T, url string) bool {
	t.Helper()
	return strings.Contains(string(get(t, url+"/metrics").body), "\nimgd_sweeper_stopped 1")
}

// acceptAndSweep has the restored service run: first it sweeps nothing, and when it
// was accepted only what no row needs.
func acceptAndSweep(t *testing.T, site *rig.Site) {
	t.Helper()
	p := site.Start(t, "serve", "IMGD_BLOB_GRACE=1s")
	age(t, site)
	all := stored(t, site)
	eventually(t, "noticed", func() bool { time.Sleep(50 * time.Millisecond); return stopped(t, p.URL) })
	if ready := get(t, p.URL+"/readyz"); ready.status != 200 || !strings.Contains(string(ready.body), "degraded") {
		t.Errorf("readiness says %d %s, want ready and degraded", ready.status, ready.body)
	}
	time.Sleep(6 * time.Second) // more than one look of the sweeper
	for _, name := range all {
		if _, err := os.Stat(name); err != nil {
			t.Errorf("%s went before anybody had looked: %v", name, err)
		}
	}
	if _, err := command(t, site, "doctor", "--accept", "--json"); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok { // orphans are wrong, and there are some
			t.Fatal(err)
		}
	}
	eventually(t, "accepted", func() bool { time.Sleep(50 * time.Millisecond); return !stopped(t, p.URL) })
	var f findings
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); { // the jobs of the restored database are done too
		age(t, site)
		time.Sleep(time.Second)
		if f = doctor(t, site); !f.Wrong && f.Waiting == 0 && f.Objects == f.Needed {
			return
		}
	}
	t.Errorf("after it was accepted the doctor finds %+v, want exactly the objects that rows need", f)
}

func TestTheDoctorExaminesEveryKindOfDatabaseAndStore(t *testing.T) {
	t.Parallel()
	bucket := rig.S3(t)
	site := rig.NewSite(t, shipped, "IMGD_DATABASE_URL="+rig.Postgres(t), "IMGD_STORAGE_URL="+bucket.URL(), "IMGD_UNSAFE_DURABILITY=true", "IMGD_MIGRATE=auto",
		"AWS_ACCESS_KEY_ID="+bucket.AccessKey, "AWS_SECRET_ACCESS_KEY="+bucket.SecretKey)
	p := site.Start(t, "serve")
	file, err := scene.JPEG(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	j := upload(t, p.URL, file, "a.jpg")
	if done := finished(t, p.URL, j.ID, 30*time.Second); done.State != "succeeded" {
		t.Fatalf("the job is %s: %+v", done.State, done.Error)
	}
	var f findings
	eventually(t, "met", func() bool { f = doctor(t, site); return f.Met })
	if f.Wrong || f.Objects != 2 || f.Needed != 2 {
		t.Errorf("the doctor finds %+v, want nothing wrong with the original and what all its variants come out as", f)
	}
	if out, err := command(t, site, "backup", "copy.db"); err == nil || !strings.Contains(err.Error(), "pg_dump") {
		t.Errorf("backup of PostgreSQL = %q, %v, want it to say what to do", out, err)
	}
	p.Kill9()
	other := rig.NewSite(t, shipped, append(site.Env[:0:0], site.Env...)...)
	other.Env[0] = "IMGD_DATABASE_URL=" + rig.Postgres(t)
	if _, err := command(t, other, "migrate", "up"); err != nil {
		t.Fatal(err)
	}
	if f := doctor(t, other); !f.Wrong || f.Orphans.Count != 2 || f.Generation == "" {
		t.Errorf("of another database the doctor finds %+v, want 2 orphans, and a store that has met another", f)
	}
	if _, err := command(t, other, "doctor", "--fix", "--yes", "--age=1ns"); err == nil || !strings.Contains(err.Error(), "nothing is removed") {
		t.Errorf("--fix of another's store = %v, want a refusal", err)
	}
}
