package e2e

import (
	"fmt"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

var drawn = sync.OnceValues(func() ([]byte, error) { return scene.JPEG(4032, 3024) })

// photo is large enough that a job of it can be caught in the middle.
func photo(t testing.TB) []byte {
	t.Helper()
	b, err := drawn()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// owner is the process that claimed the job last, found by the process id in its
// name.
func owner(t *testing.T, url, image string, among ...*rig.Process) *rig.Process {
	t.Helper()
	var found *rig.Process
	eventually(t, "claimed", func() bool {
		events := story(t, url, image)
		for i := len(events) - 1; i >= 0 && found == nil; i-- {
			if events[i].Type != "job.claimed" {
				continue
			}
			for _, p := range among {
				if strings.Contains(events[i].Actor, fmt.Sprintf("-%d-", p.PID())) {
					found = p
				}
			}
			break
		}
		return found != nil
	})
	return found
}

func TestWhenAWorkerIsKilledAnotherFinishesItsJobOnce(t *testing.T) {
	t.Parallel()
	site := rig.NewSite(t, shipped, "IMGD_LEASE=1500ms")
	api, one, two := site.Start(t, "api"), site.Start(t, "worker"), site.Start(t, "worker")
	j := upload(t, api.URL, photo(t), "photo.jpg")
	owner(t, api.URL, j.ImageID, one, two).Kill9()
	done := finished(t, api.URL, j.ID, 30*time.Second)
	if done.State != "succeeded" || done.Attempt != 1 {
		t.Errorf("the job is %s after %d attempts (%+v), want succeeded after 1: a lost worker costs no attempt", done.State, done.Attempt, done.Error)
	}
	events := story(t, api.URL, j.ImageID)
	if claims, reaps, ends := count(events, "job.claimed"), count(events, "job.reaped"), count(events, "job.succeeded"); claims != 2 || reaps != 1 || ends != 1 {
		t.Errorf("it was claimed %d times, reaped %d times and finished %d times, want 2, 1, 1: %+v", claims, reaps, ends, events)
	}
	checkVariants(t, api.URL, j.ImageID)
}

// checkVariants reads every variant of a finished image.
func checkVariants(t testing.TB, url, image string) {
	t.Helper()
	m := read[picture](t, url+"/v1/images/"+image)
	if m.State != "ready" || len(m.Variants) != 4 {
		t.Errorf("the image is %s with %d variants, want ready with 4", m.State, len(m.Variants))
	}
	for _, v := range m.Variants {
		if a := get(t, v.URL); a.status != 200 || int64(len(a.body)) != v.Bytes {
			t.Errorf("variant %s is answered %d with %d bytes, want 200 with %d", v.Name, a.status, len(a.body), v.Bytes)
		}
	}
}

func TestWhenADecoderIsKilledTheJobIsRetriedAndTheAPINeverNotices(t *testing.T) {
	t.Parallel()
	site := rig.NewSite(t, shipped)
	p := site.Start(t, "serve")
	j := upload(t, p.URL, photo(t), "photo.jpg")
	owner(t, p.URL, j.ImageID, p)
	for _, pid := range p.Children(t) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	if a := get(t, p.URL+"/v1/jobs/"+j.ID); a.status != 200 {
		t.Errorf("right after the kill a read is answered %d", a.status)
	}
	small, err := scene.JPEG(320, 240)
	if err != nil {
		t.Fatal(err)
	}
	other := upload(t, p.URL, small, "small.jpg")
	if done := finished(t, p.URL, other.ID, 30*time.Second); done.State != "succeeded" {
		t.Errorf("an upload right after the kill ended %s", done.State)
	}
	done := finished(t, p.URL, j.ID, 30*time.Second)
	if done.State != "succeeded" || done.Attempt != 1 {
		t.Errorf("the job is %s after %d attempts (%+v), want succeeded after 1: a crash gives its attempt back", done.State, done.Attempt, done.Error)
	}
	if n := count(story(t, p.URL, j.ImageID), "job.retried"); n != 1 {
		t.Errorf("it was retried %d times, want once", n)
	}
	checkVariants(t, p.URL, j.ImageID)
}

// zombie freezes a worker in the middle of a job until another owns it, freezes
// that one too, thaws the first, and returns the whole story of the job.
func zombie(t *testing.T, bin string) []event {
	t.Helper()
	site := rig.NewSite(t, bin, "IMGD_LEASE=1500ms")
	api, one, two := site.Start(t, "api"), site.Start(t, "worker"), site.Start(t, "worker")
	j := upload(t, api.URL, photo(t), "photo.jpg")
	first := owner(t, api.URL, j.ImageID, one, two)
	first.Stop(t)
	second := one
	if first == one {
		second = two
	}
	owner(t, api.URL, j.ImageID, second)
	second.Stop(t)
	first.Cont(t)
	// The first notices that time has passed and ends its attempt, while the second
	// owns the job. That takes far less than this.
	time.Sleep(700 * time.Millisecond)
	second.Cont(t)
	finished(t, api.URL, j.ID, 30*time.Second)
	return story(t, api.URL, j.ImageID)
}

// trespass is the first event by which somebody ended an attempt that was not
// theirs, or ended the job twice; empty when all is well.
func trespass(events []event) string {
	holder, ended := "", false
	for _, e := range events {
		switch e.Type {
		case "job.claimed":
			holder = e.Actor
		case "job.succeeded", "job.failed", "job.dead", "job.retried", "job.released":
			if e.Actor != holder {
				return fmt.Sprintf("%s by %s, while %s held the job", e.Type, e.Actor, holder)
			}
			if ended {
				return e.Type + " after the job had ended"
			}
			ended = e.Type == "job.succeeded"
		}
	}
	return ""
}

func TestAWorkerThatWakesUpAfterItsLeaseCommitsNothing(t *testing.T) {
	t.Parallel()
	events := zombie(t, shipped)
	if wrong := trespass(events); wrong != "" {
		t.Errorf("%s: %+v", wrong, events)
	}
	if n := count(events, "job.succeeded"); n != 1 {
		t.Errorf("the job was finished %d times, want once: %+v", n, events)
	}
}

// The control: without the fence the same sequence must show a trespass, or the
// test above proves nothing. Three tries, as a busy machine may reap the second
// worker's lease before the first has woken up.
func TestWithoutTheFenceTheZombieTrespasses(t *testing.T) {
	t.Parallel()
	for range 3 {
		if wrong := trespass(zombie(t, mutant)); wrong != "" {
			t.Logf("caught: %s", wrong)
			return
		}
	}
	t.Error("the mutant without a fence was never caught: the zombie test cannot fail")
}
