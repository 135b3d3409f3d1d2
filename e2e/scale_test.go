package e2e

import (
	"fmt"
	"testing"
	"time"

	"imgd/e2e/rig"
)

// BenchmarkWorkers has one worker, and then two, work off a queue of 24 photographs
// of 12 MP on PostgreSQL, Redis and S3. Each has one slot, one decoder and one core
// to itself, and all are up and frozen until the queue is full: what is timed is
// work alone, from the start of the first job to the end of the last. The servers
// share those cores, so what they take of one is stated beside it, and how much of
// its core a worker got.
func BenchmarkWorkers(b *testing.B) {
	file := photo(b)
	var one time.Duration
	for _, n := range []int{1, 2} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			took := workedOff(b, n, file)
			b.ReportMetric(float64(took.Milliseconds())/photographs, "ms/job")
			if n == 1 {
				one = took
			} else {
				b.ReportMetric(float64(one)/float64(took), "times-one")
			}
		})
	}
}

const photographs = 24

// workedOff is how long n workers had the queue.
func workedOff(b *testing.B, n int, file []byte) time.Duration {
	b.Helper()
	site := rig.NewProduction(b, shipped, "IMGD_LOG_LEVEL=warn", "IMGD_WORKERS=1", "IMGD_DECODERS=1")
	api := site.Start(b, "api")
	workers := make([]*rig.Process, n)
	for core := range workers {
		workers[core] = site.Start(b, "worker")
		workers[core].Pin(b, core)
		workers[core].Stop(b)
	}
	ids := make([]string, photographs)
	for i := range ids {
		ids[i] = upload(b, api.URL, file, "photo.jpg").ID
	}
	began, servers, own := time.Now(), serversCPU(b), cpuOf(b, workers)
	for _, w := range workers {
		w.Cont(b)
	}
	var first, last time.Time
	for _, id := range ids {
		j := seldom(b, api.URL, id)
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
	took := float64(time.Since(began))
	b.ReportMetric(100*float64(serversCPU(b)-servers)/took, "servers-cpu-%")
	b.ReportMetric(100*float64(cpuOf(b, workers)-own)/took/float64(n), "worker-cpu-%")
	return last.Sub(first)
}

// seldom waits for a job's end and looks every few seconds: more would take from the
// workers what is to be measured, and the rows have the times.
func seldom(b *testing.B, url, id string) (j job) {
	b.Helper()
	for deadline := time.Now().Add(5 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Second) {
		if j = read[job](b, url+"/v1/jobs/"+id); j.State != "queued" && j.State != "running" {
			return j
		}
	}
	return j
}

// serversCPU is what PostgreSQL, Redis and S3 have used so far.
func serversCPU(b *testing.B) time.Duration {
	b.Helper()
	d, err := rig.ServersCPU()
	if err != nil {
		b.Fatal(err)
	}
	return d
}

func cpuOf(b *testing.B, all []*rig.Process) (sum time.Duration) {
	b.Helper()
	for _, p := range all {
		sum += p.CPU(b)
	}
	return sum
}
