package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
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

// newer builds an imgd whose PostgreSQL schema has one column more, planned by the
// shipped binary as a developer would, and returns its path.
func newer(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	tree := filepath.Join(dir, "schema")
	if err := os.CopyFS(tree, os.DirFS(filepath.Join(root, "schema"))); err != nil {
		t.Fatal(err)
	}
	desired := filepath.Join(tree, "postgres", "schema.sql")
	text, err := os.ReadFile(desired) // #nosec G304 -- the test's own copy
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), "  expires_at     timestamptz,\n", "  expires_at     timestamptz,\n  mood           text        NOT NULL DEFAULT 'calm',\n", 1)
	if changed == string(text) {
		t.Fatal("schema.sql has no expires_at to put a column behind")
	}
	if err := os.WriteFile(desired, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	diff := exec.Command(shipped, "migrate", "diff", "add_mood", "--engine=postgres", "--dir="+tree) // #nosec G204 -- the binary of this test
	diff.Dir = dir
	diff.Env = append(os.Environ(), "IMGD_DEV_DATABASE_URL="+rig.Postgres(t))
	if out, err := diff.CombinedOutput(); err != nil {
		t.Fatalf("migrate diff: %v\n%s", err, out)
	}
	return overlaid(t, root, dir)
}

// overlaid builds the source tree with the schema of dir in place of its own.
func overlaid(t *testing.T, root, dir string) string {
	t.Helper()
	replace := map[string]string{}
	err := filepath.Walk(filepath.Join(dir, "schema", "postgres"), func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			rel, _ := filepath.Rel(dir, path)
			replace[filepath.Join(root, rel)] = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "imgd-newer")
	build := exec.Command("go", "build", "-overlay", overlay, "-o", bin, "imgd/cmd/imgd") // #nosec G204 -- our own paths
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the newer binary does not build: %v\n%s", err, out)
	}
	return bin
}

// TestOldAndNewServeTogetherWhileTheSchemaGrows deploys as one should: migrate
// first, then replace one process after the other, under load all the time.
func TestOldAndNewServeTogetherWhileTheSchemaGrows(t *testing.T) {
	t.Parallel()
	next := newer(t)
	old := rig.NewProduction(t, shipped)
	site := *old
	site.Bin = next
	before := runOnce(t, &site, "api")
	if !strings.Contains(before, "add_mood") || !strings.Contains(before, "imgd migrate up") {
		t.Errorf("the new binary meets the old schema with %q, want a refusal that names the file and the command", before)
	}
	oldAPI, oldWorker := old.Start(t, "api"), old.Start(t, "worker")
	small, err := scene.JPEG(200, 150)
	if err != nil {
		t.Fatal(err)
	}
	var (
		mu   sync.Mutex
		urls = []string{oldAPI.URL}
		jobs []string
		stop = make(chan struct{})
		load sync.WaitGroup
	)
	for range 2 {
		load.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				url := urls[i%len(urls)]
				mu.Unlock()
				a, err := tryPost(t, url, small, "a.jpg")
				if err != nil || a.status != http.StatusAccepted {
					t.Errorf("an upload was answered %d (%v): %s", a.status, err, a.body)
					return
				}
				mu.Lock()
				jobs = append(jobs, decode[job](t, a).ID)
				mu.Unlock()
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	site.Migrate(t)
	newAPI := site.Start(t, "api")
	site.Start(t, "worker")
	mu.Lock()
	urls = append(urls, newAPI.URL)
	mu.Unlock()
	time.Sleep(time.Second)      // all four serve
	again := old.Start(t, "api") // an old one that is restarted meets the new schema
	mu.Lock()
	urls = []string{newAPI.URL, again.URL}
	mu.Unlock()
	time.Sleep(500 * time.Millisecond)
	close(stop)
	load.Wait()
	oldWorker.Term(t)
	if err := oldWorker.Wait(t, 30*time.Second); err != nil {
		t.Errorf("the old worker ended with %v", err)
	}
	for _, id := range jobs {
		if j := finished(t, newAPI.URL, id, time.Minute); j.State != "succeeded" || j.Attempt != 1 {
			t.Errorf("job %s is %s after %d attempts (%+v)", id, j.State, j.Attempt, j.Error)
		}
	}
	if len(jobs) < 10 {
		t.Errorf("only %d uploads were sent", len(jobs))
	}
	t.Logf("%d uploads over the migration", len(jobs))
}

// runOnce runs a role that is to end by itself, and returns what it said.
func runOnce(t *testing.T, s *rig.Site, role string) string {
	t.Helper()
	cmd := exec.Command(s.Bin, role) // #nosec G204 -- the binary of this test
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "IMGD_LISTEN=127.0.0.1:0"}, s.Env...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return fmt.Sprintf("no refusal: %s", out)
	}
	return string(out)
}
