package chaos

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

// stack is what a deployment stands on.
type stack struct {
	name string
	site func(t testing.TB, env ...string) *rig.Site
}

var (
	production = stack{"PostgreSQL and S3", func(t testing.TB, env ...string) *rig.Site { return rig.NewProduction(t, stopping, env...) }}
	single     = stack{"SQLite and a folder", func(t testing.TB, env ...string) *rig.Site { return rig.NewSite(t, stopping, env...) }}
)

// points are all places at which the binary can be stopped, in the order in which an
// upload comes by. Bytes of an upload that was not recorded may stay for the sweep.
var points = []struct {
	name     string
	leftover int // objects that nobody needs, at most, when the process ends there
	unsure   int // and when it goes on, not knowing what was recorded
}{
	{"mid-stream", 0, 0},
	{"after-blob-put", 1, 0},
	{"after-probe", 1, 0},
	{"before-admit", 1, 1},
	{"after-admit-before-hint", 0, 0},
	{"after-claim", 0, 0},
	{"mid-decode", 0, 0},
	{"after-first-variant-put", 0, 0},
	{"after-render", 0, 0},
	{"before-finish", 0, 0},
	{"after-finish-before-ack", 0, 0},
	{"mid-sweep", 0, 0},
}

const (
	short = 1500 * time.Millisecond // the lease of these tests
	nap   = short * 2               // longer than the lease and the reaper's rhythm
)

func TestAtWhateverPointAProcessIsKilledTheUploadSucceedsOnce(t *testing.T) {
	for _, p := range points {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			stopAt(t, production, p.name, "kill", p.leftover)
		})
	}
	for _, name := range []string{"after-admit-before-hint", "after-first-variant-put", "after-finish-before-ack", "mid-sweep"} {
		t.Run(single.name+" "+name, func(t *testing.T) {
			t.Parallel()
			stopAt(t, single, name, "kill", 0)
		})
	}
}

// An error at a point is an answer that was lost: what was asked for may have been
// done.
func TestAnAnswerThatIsLostAtAPointCostsNothing(t *testing.T) {
	for _, p := range points {
		switch p.name {
		case "after-blob-put", "before-admit", "after-admit-before-hint", "after-first-variant-put", "after-finish-before-ack":
			t.Run(p.name, func(t *testing.T) {
				t.Parallel()
				stopAt(t, production, p.name, "error", p.unsure)
			})
		}
	}
}

func TestAProcessThatFreezesAtAPointDoesNoHarmWhenItThaws(t *testing.T) {
	for _, name := range []string{"before-admit", "after-first-variant-put", "before-finish"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopAt(t, production, name, "freeze", 1)
		})
	}
}

// long reports whether make chaos asks for all there is.
func long() bool { return os.Getenv("IMGD_TEST_ALL_POINTS") != "" }

// All points with all acts on both stacks.
func TestEveryPointWithEveryActOnEveryStack(t *testing.T) {
	if !long() {
		t.Log("the long form runs when IMGD_TEST_ALL_POINTS is set; the tests above are the short one")
		return
	}
	for _, s := range []stack{production, single} {
		for _, act := range []string{"kill", "freeze", "error"} {
			for _, p := range points {
				t.Run(strings.Join([]string{s.name, act, p.name}, " "), func(t *testing.T) {
					t.Parallel()
					stopAt(t, s, p.name, act, max(p.leftover, p.unsure))
				})
			}
		}
	}
}

// stopAt has a process stop at a point while a client uploads a picture, starts
// another in its place, and checks that in the end there is one image as it should
// be, made by one job.
func stopAt(t *testing.T, s stack, point, act string, leftover int) {
	t.Helper()
	site := s.site(t, "IMGD_LEASE="+short.String(), "IMGD_LOG_LEVEL=warn", "IMGD_DECODERS=1", "IMGD_WORKERS=1")
	first := site.Start(t, "serve", "IMGD_CRASH_POINT="+point, "IMGD_CRASH_ACT="+act)
	books := ledger.Open(t, site)
	where := &address{}
	where.is(first.URL)
	client := caller.New(where.get)
	client.Patience = 5 * time.Second // a frozen process does not answer
	file := picture(t, 640, 480)
	answered := make(chan caller.Job, 1)
	failed := make(chan error, 1)
	ctx := within(t, 2*time.Minute)
	go func() {
		j, err := client.Accepted(ctx, file, "a.jpg", "the-one")
		failed <- err
		answered <- j
	}()
	if point == "mid-sweep" {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
		purge(t, client, <-answered)
	}
	eventually(t, "at "+point, 60*time.Second, func() bool { return reached(t, site, point) })
	again := act != "error"
	switch act {
	case "kill":
		if err := first.Wait(t, 10*time.Second); err == nil {
			t.Errorf("the process ended well at %s, want it killed", point)
		}
	case "freeze":
		time.Sleep(nap)
	}
	if again {
		where.is(site.Start(t, "serve").URL)
	}
	if point == "mid-sweep" {
		swept(t, books)
		thaw(t, first, act)
		return
	}
	if act == "freeze" && s.name == single.name {
		// What froze may hold SQLite's only write lock: then nobody writes before it thaws.
		defer time.AfterFunc(10*time.Second, func() { first.Cont(t) }).Stop()
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	j := <-answered
	succeeded(t, client, j.ID, time.Minute)
	thaw(t, first, act)
	one(t, client, books, ledger.Sent{Image: j.ImageID, Job: j.ID, SHA256: ledger.Digest(file), Width: 640, Height: 480}, leftover)
}

// thaw lets a frozen process go on, and waits until it has done what it was about to.
func thaw(t *testing.T, p *rig.Process, act string) {
	t.Helper()
	if act == "freeze" {
		p.Cont(t)
		time.Sleep(short)
	}
}

// reached tells of the file that a process leaves when it comes to its point.
func reached(t testing.TB, site *rig.Site, point string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(site.Dir, point))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// one checks that there is this image and nothing else.
func one(t *testing.T, client *caller.Caller, books *ledger.Books, want ledger.Sent, leftover int) {
	t.Helper()
	ctx := within(t, time.Minute)
	for _, wrong := range ledger.Check(ctx, client, []ledger.Sent{want}) {
		t.Error(wrong)
	}
	images := number(t, books, "SELECT count(*) FROM images")
	jobs := number(t, books, "SELECT count(*) FROM jobs")
	good := number(t, books, "SELECT count(*) FROM jobs WHERE state = 'succeeded'")
	if images != 1 || jobs != 1 || good != 1 {
		t.Errorf("there are %d images and %d jobs of which %d succeeded, want one of each", images, jobs, good)
	}
	stories, err := books.Stories(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := ledger.Trespass(stories[want.Job]); wrong != "" {
		t.Errorf("%s: %+v", wrong, stories[want.Job])
	}
	found, err := books.Balance(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Missing) > 0 {
		t.Errorf("rows need %v, which the store has not", found.Missing)
	}
	for _, key := range found.Orphans {
		if !strings.HasPrefix(key, "o/") {
			t.Errorf("%s belongs to no row; only the original of an upload that was not recorded may stay for the sweep", key)
		}
	}
	if len(found.Orphans) > leftover {
		t.Errorf("nobody needs %v, want at most %d such objects", found.Orphans, leftover)
	}
	if err := books.Clean(ctx); err != nil {
		t.Error(err)
	}
}

// purge deletes an image at once when its job has ended.
func purge(t *testing.T, client *caller.Caller, j caller.Job) {
	t.Helper()
	succeeded(t, client, j.ID, time.Minute)
	a, err := client.Insist(within(t, time.Minute), "DELETE", "/v1/images/"+j.ImageID+"?purge=true", "", nil)
	if err != nil || a.Status != 204 {
		t.Fatalf("DELETE = %d %s, %v; want 204", a.Status, a.Body, err)
	}
}

// swept waits until nothing is left of what was purged.
func swept(t *testing.T, books *ledger.Books) time.Duration {
	t.Helper()
	var found ledger.Balance
	return eventually(t, "swept", 60*time.Second, func() bool {
		var err error
		if found, err = books.Balance(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		return len(found.Orphans) == 0 && found.Sweeps == 0
	})
}
