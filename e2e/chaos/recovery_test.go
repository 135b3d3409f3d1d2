package chaos

import (
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

func TestAJobOfAKilledWorkerIsClaimedAgainWithin20Seconds(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=warn")
	client := caller.At(site.Start(t, "api").URL)
	doomed := site.Start(t, "worker", "IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=kill")
	j := accepted(t, client, picture(t, 640, 480), "the-one")
	eventually(t, "killed", time.Minute, func() bool { return reached(t, site, "mid-decode") })
	died := time.Now()
	_ = doomed.Wait(t, 10*time.Second)
	site.Start(t, "worker")
	done := succeeded(t, client, j.ID, time.Minute)
	if done.Attempt != 1 {
		t.Errorf("it took %d attempts, want 1: a lost worker costs none", done.Attempt)
	}
	took := moment(t, story(t, client, j.ImageID), "job.claimed", 2).Sub(died)
	t.Logf("claimed again %s after its worker was killed", took.Round(time.Millisecond))
	if took > 20*time.Second {
		t.Errorf("it was claimed again %s after its worker was killed, want 20 s at most", took)
	}
}

func TestAJobOfAStoppedWorkerIsClaimedAgainWithin2Seconds(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=warn", "IMGD_GRACE=100ms")
	client := caller.At(site.Start(t, "api").URL)
	leaving := site.Start(t, "worker", "IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=hold:1m")
	j := accepted(t, client, picture(t, 640, 480), "the-one")
	eventually(t, "held", time.Minute, func() bool { return reached(t, site, "mid-decode") })
	site.Start(t, "worker")
	told := time.Now()
	leaving.Term(t)
	done := succeeded(t, client, j.ID, time.Minute)
	if done.Attempt != 1 {
		t.Errorf("it took %d attempts, want 1: a stop costs none", done.Attempt)
	}
	took := moment(t, story(t, client, j.ImageID), "job.claimed", 2).Sub(told)
	t.Logf("claimed again %s after its worker was told to stop", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("it was claimed again %s after its worker was told to stop, want 2 s at most", took)
	}
}

// behind is a deployment whose database is at the end of a link.
func behind(t *testing.T, bin string, env ...string) (*rig.Site, *rig.Link) {
	t.Helper()
	site := rig.NewProduction(t, bin, env...)
	far, link := distant(t, site)
	site.Env = append(site.Env, far)
	return site, link
}

// distant is a link to the database of a deployment, and the setting by which a
// process goes through it.
func distant(t *testing.T, site *rig.Site) (setting string, link *rig.Link) {
	t.Helper()
	const name = "IMGD_DATABASE_URL="
	for _, e := range site.Env {
		if address, ok := strings.CutPrefix(e, name); ok {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			link := rig.Proxy(t, u.Host)
			return name + link.Through(address), link
		}
	}
	t.Fatal("the site has no database")
	return "", nil
}

// The database answers the worker four seconds late, for longer than the lease, while
// another worker beside it would take the job over the moment it ran out.
func TestALongJobRunsOnceAlthoughTheDatabaseIsSlowForAWhile(t *testing.T) {
	t.Parallel()
	slow := 20 * time.Second
	if long() {
		slow = time.Minute
	}
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=error", "IMGD_LEASE=15s")
	far, link := distant(t, site)
	client := caller.At(site.Start(t, "api").URL)
	site.Start(t, "worker", far, "IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=hold:"+(slow+10*time.Second).String())
	j := accepted(t, client, picture(t, 640, 480), "the-one")
	eventually(t, "held", time.Minute, func() bool { return reached(t, site, "mid-decode") })
	site.Start(t, "worker")
	time.Sleep(2 * time.Second) // some heartbeats: a job that begins while the database is slow is another matter
	link.Latency(4 * time.Second)
	time.Sleep(slow)
	link.Clear()
	succeeded(t, client, j.ID, time.Minute)
	events := story(t, client, j.ImageID)
	if claims, reaps := count(events, "job.claimed"), count(events, "job.reaped"); claims != 1 || reaps != 0 {
		t.Errorf("it was claimed %d times and reaped %d times, want 1 and 0: %+v", claims, reaps, events)
	}
}

func TestALongJobRunsTwiceAndEndsOnceWhenTheDatabaseIsAwayLongerThanTheLease(t *testing.T) {
	t.Parallel()
	site, link := behind(t, stopping, "IMGD_LOG_LEVEL=error", "IMGD_LEASE=4s")
	books := ledger.Open(t, site)
	client := caller.At(site.Start(t, "api").URL)
	for range 2 {
		site.Start(t, "worker", "IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=hold:7s")
	}
	file := picture(t, 640, 480)
	j := accepted(t, client, file, "the-one")
	eventually(t, "held", time.Minute, func() bool { return reached(t, site, "mid-decode") })
	link.Down()
	time.Sleep(6 * time.Second)
	link.Up()
	succeeded(t, client, j.ID, time.Minute)
	events := story(t, client, j.ImageID)
	if claims, ends := count(events, "job.claimed"), count(events, "job.succeeded"); claims != 2 || ends != 1 {
		t.Errorf("it was claimed %d times and ended %d times, want 2 and 1: %+v", claims, ends, events)
	}
	one(t, client, books, ledger.Sent{Image: j.ImageID, Job: j.ID, SHA256: ledger.Digest(file), Width: 640, Height: 480}, 0)
}

// restarts is how many rolling restarts there are: IMGD_TEST_RESTARTS, or a few.
func restarts(t *testing.T) int {
	t.Helper()
	text := os.Getenv("IMGD_TEST_RESTARTS")
	if text == "" {
		return 5
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("IMGD_TEST_RESTARTS is %q; it is a number", text)
	}
	return n
}

func TestRollingRestartsBurnNoAttempt(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=error", "IMGD_GRACE=200ms", "IMGD_WORKERS=2")
	client := caller.At(site.Start(t, "api").URL)
	long := []string{"IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=hold:1m"}
	workers := []*rig.Process{site.Start(t, "worker", long...), site.Start(t, "worker", long...)}
	var jobs []caller.Job
	for i := range 3 {
		jobs = append(jobs, accepted(t, client, picture(t, 640, 480), "job-"+strconv.Itoa(i)))
	}
	n := restarts(t)
	for i := range n {
		time.Sleep(time.Second)
		if i == n-2 {
			long = nil // the last ones are let through
		}
		workers[i%2].Term(t)
		if err := workers[i%2].Wait(t, 20*time.Second); err != nil {
			t.Errorf("a worker that was told to stop ended with %v, want success", err)
		}
		workers[i%2] = site.Start(t, "worker", long...)
	}
	interrupted := 0
	for _, j := range jobs {
		done := succeeded(t, client, j.ID, time.Minute)
		events := story(t, client, j.ImageID)
		interrupted += count(events, "job.released")
		if reaps, retries := count(events, "job.reaped"), count(events, "job.retried"); done.Attempt != 1 || reaps != 0 || retries != 0 {
			t.Errorf("job %s took %d attempts, was reaped %d times and retried %d times, want 1, 0, 0: %+v", j.ID, done.Attempt, reaps, retries, events)
		}
	}
	t.Logf("%d restarts interrupted 3 jobs %d times", n, interrupted)
	if interrupted < n {
		t.Errorf("%d restarts interrupted jobs %d times, want once each at least: nothing was tried", n, interrupted)
	}
}

func TestAJobWhoseDecoderIsKilledInTheMiddleIsTriedAgain(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, stopping, "IMGD_LOG_LEVEL=error", "IMGD_DECODERS=1", "IMGD_WORKERS=1")
	books := ledger.Open(t, site)
	client := caller.At(site.Start(t, "api").URL)
	w := site.Start(t, "worker", "IMGD_CRASH_POINT=mid-decode", "IMGD_CRASH_ACT=hold:1s")
	file := picture(t, 4032, 3024) // its variants do not fit into what the decoder may send ahead
	j := accepted(t, client, file, "the-one")
	eventually(t, "held", time.Minute, func() bool { return reached(t, site, "mid-decode") })
	for _, pid := range w.Children(t) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	done := succeeded(t, client, j.ID, time.Minute)
	events := story(t, client, j.ImageID)
	if retries := count(events, "job.retried"); done.Attempt != 1 || retries != 1 {
		t.Errorf("it took %d attempts and %d retries, want 1 and 1: a crash gives its attempt back: %+v", done.Attempt, retries, events)
	}
	one(t, client, books, ledger.Sent{Image: j.ImageID, Job: j.ID, SHA256: ledger.Digest(file), Width: 4032, Height: 3024}, 0)
}
