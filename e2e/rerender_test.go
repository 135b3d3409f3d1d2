package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// operator is imgd with a command that an operator gives on a site.
func operator(t *testing.T, site *rig.Site, env string, args ...string) (cmd *exec.Cmd, out *bytes.Buffer) {
	t.Helper()
	out = &bytes.Buffer{}
	cmd = exec.CommandContext(t.Context(), site.Bin, args...) // #nosec G204 -- the binary of this test
	cmd.Dir, cmd.Stdout, cmd.Stderr = site.Dir, out, out
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + site.Dir, "TMPDIR=" + site.Dir, "IMGD_DATABASE_URL=sqlite:" + filepath.Join(site.Dir, "imgd.db"),
	}, append(site.Env, env)...)
	return cmd, out
}

// uploadAs sends an image for a preset.
func uploadAs(t *testing.T, url string, file []byte, preset string) job {
	t.Helper()
	body, contentType := form(file, "a.jpg", "preset", preset)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/images", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	a, err := send(req)
	if err != nil || a.status != http.StatusAccepted {
		t.Fatalf("the upload = %d %s, %v; want 202", a.status, a.body, err)
	}
	return decode[job](t, a)
}

// widths are the widths of an image's ready variants by name.
func widths(t *testing.T, url, image string) string {
	t.Helper()
	var list []string
	for _, v := range read[picture](t, url+"/v1/images/"+image).Variants {
		list = append(list, fmt.Sprintf("%s %s %d", v.Name, v.State, v.Width))
	}
	return strings.Join(list, ", ")
}

// jobsIn counts the jobs in a state.
func jobsIn(t *testing.T, url, state string) int {
	t.Helper()
	return len(read[struct {
		Items []job `json:"items"`
	}](t, url+"/v1/jobs?limit=200&state="+state).Items)
}

func TestARerenderThatIsKilledGoesOnAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	for name, place := range map[string]func() *rig.Site{
		"SQLite and a folder":   func() *rig.Site { return rig.NewSite(t, shipped) },
		"PostgreSQL, Redis, S3": func() *rig.Site { return rig.NewProduction(t, shipped) },
	} {
		t.Run(name, func(t *testing.T) { killedRerender(t, place()) })
	}
}

func killedRerender(t *testing.T, site *rig.Site) {
	const n = 40
	presets := filepath.Join(site.Dir, "presets.yaml")
	env := "IMGD_PRESETS=" + presets
	write(t, presets, "web:\n  thumb: w=32\n")
	file, err := scene.JPEG(64, 64)
	if err != nil {
		t.Fatal(err)
	}
	api, worker := site.Start(t, "api", env), site.Start(t, "worker", env)
	var images []string
	for range n {
		j := uploadAs(t, api.URL, file, "web")
		images = append(images, j.ImageID)
	}
	eventually(t, "every image ready", func() bool { return jobsIn(t, api.URL, "succeeded") == n })
	worker.Term(t)
	if err := worker.Wait(t, 30*time.Second); err != nil {
		t.Fatal(err)
	}

	write(t, presets, "web:\n  thumb: w=16\n  hero: w=48\n")
	if err := syscall.Kill(api.PID(), syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new presets in force", func() bool {
		return strings.Contains(string(get(t, api.URL+"/v1/capabilities").body), `"hero"`)
	})

	first, out := operator(t, site, env, "rerender", "--preset", "web", "--rate", "10/s") // it is killed long before its end, also on a busy machine
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a dozen jobs", func() bool { return jobsIn(t, api.URL, "queued") >= 12 })
	_ = first.Process.Kill()
	if err := first.Wait(); err == nil {
		t.Fatalf("the first run ended before it was killed:\n%s", out)
	}
	before := jobsIn(t, api.URL, "queued")
	if before >= n {
		t.Fatalf("the first run has queued all %d jobs before it was killed", before)
	}
	if got := widths(t, api.URL, images[n-1]); got != "hero pending 0, thumb ready 32" {
		t.Errorf("while its job waits an image has %s, want the old thumb still ready", got)
	}

	rerun := func(queued, current, busy int) {
		t.Helper()
		cmd, out := operator(t, site, env, "rerender", "--preset", "web", "--rate", "0")
		if err := cmd.Run(); err != nil {
			t.Fatalf("rerender = %v\n%s", err, out)
		}
		for what, n := range map[string]int{"a job is queued": queued, "up to date": current, "a job is under way": busy, "images in all": n} {
			if !strings.Contains(out.String(), fmt.Sprintf("%9d  %s", n, what)) {
				t.Errorf("rerender says\n%swant %d %s", out, n, what)
			}
		}
	}
	rerun(n-before, 0, before)
	site.Start(t, "worker", env)
	eventually(t, "every job done", func() bool { return jobsIn(t, api.URL, "succeeded") == 2*n })
	for _, id := range images {
		if got := widths(t, api.URL, id); got != "hero ready 48, thumb ready 16" {
			t.Errorf("image %s has %s, want what the preset is now", id, got)
		}
		if created := count(story(t, api.URL, id), "job.created"); created != 2 {
			t.Errorf("image %s has had %d jobs, want the upload's and one more", id, created)
		}
	}
	rerun(0, n, 0)
}

// write puts a file in place of the one that is there.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func TestNobodyServesWithPresetsThatAreWrong(t *testing.T) {
	site := rig.NewSite(t, shipped)
	presets := filepath.Join(site.Dir, "presets.yaml")
	write(t, presets, "web:\n  thumb: \"w=32,hight=5\"\n  logo: \"w=5,fmt=bmp\"\nBIG: {a: w=1}\n")
	for _, args := range [][]string{{"serve", "--listen", "127.0.0.1:0"}, {"rerender", "--preset", "web"}, {"process", "presets.yaml"}} {
		cmd, out := operator(t, site, "IMGD_PRESETS="+presets, args...)
		if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
			t.Errorf("imgd %s = %v, want the exit status 1", args[0], err)
		}
		for _, want := range []string{"IMGD_PRESETS", ":2:10: preset web: variant thumb: ", ":3:9: preset web: variant logo: ", `:4:1: "BIG"`} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("imgd %s says\n%swant %s", args[0], out, want)
			}
		}
	}
}

func TestARerenderNamesThePresetsThereAre(t *testing.T) {
	site := rig.NewSite(t, shipped)
	cmd, out := operator(t, site, "IMGD_PRESETS=", "rerender", "--preset", "defualt")
	if err := cmd.Run(); err == nil || !strings.Contains(out.String(), "did you mean default?") {
		t.Errorf("rerender of an unknown preset = %v\n%swant the one that is near", err, out)
	}
}
