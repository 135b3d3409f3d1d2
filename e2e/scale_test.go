package e2e

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imgd/e2e/rig"
)

// BenchmarkWorkers has one worker, and then two, work through the same queue of
// 12 MP photographs on PostgreSQL, Redis and S3. Each has one slot, one decoder
// and one core to itself.
func BenchmarkWorkers(b *testing.B) {
	file := photo(b)
	var one time.Duration
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			site := rig.NewProduction(b, shipped, "IMGD_LOG_LEVEL=warn", "IMGD_WORKERS=1", "IMGD_DECODERS=1")
			api := site.Start(b, "api")
			jobs := make([]string, max(b.N, 2*n))
			for i := range jobs {
				jobs[i] = upload(b, api.URL, file, "photo.jpg").ID
			}
			for core := range n {
				pin(b, site.Start(b, "worker"), core)
			}
			var first, last time.Time
			for _, id := range jobs {
				j := finished(b, api.URL, id, 5*time.Minute)
				if j.State != "succeeded" {
					b.Fatalf("a job ended %s (%+v)", j.State, j.Error)
				}
				if first.IsZero() || j.StartedAt.Before(first) {
					first = j.StartedAt
				}
				if j.FinishedAt.After(last) {
					last = j.FinishedAt
				}
			}
			each := last.Sub(first) / time.Duration(len(jobs))
			b.ReportMetric(float64(each.Milliseconds()), "ms/job")
			if n == 1 {
				one = each
			} else {
				b.ReportMetric(float64(one)/float64(each), "times-one")
			}
		})
	}
}

// pin keeps a process and the children it will have on one core.
func pin(b *testing.B, p *rig.Process, core int) {
	b.Helper()
	var set unix.CPUSet
	set.Set(core)
	for _, pid := range append(p.Threads(b), p.Children(b)...) {
		if err := unix.SchedSetaffinity(pid, &set); err != nil {
			b.Fatal(err)
		}
	}
}
