package storm

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	"imgd/e2e/rig"
)

// fault is something that happens to a town, and is put right again. share is how
// often it comes, among the others.
type fault struct {
	name  string
	share int
	do    func(w *town)
}

// weather is what happens in a storm.
var weather = []fault{
	{"the API is killed", 3, func(w *town) { w.api.Kill9(); w.startAPI() }},
	{"a worker is killed", 4, func(w *town) { w.replace(w.anyWorker()) }},
	{"a decoder is killed", 3, (*town).killDecoder},
	{"a worker is told to stop", 2, (*town).restart},
	{"a worker freezes longer than its lease", 3, (*town).freeze},
	{"two workers freeze, one wakes while the other owns its job", 3, (*town).zombie},
	{"Redis forgets everything", 2, func(w *town) { w.redis.Flush(w.t) }},
	{"Redis is killed", 2, func(w *town) { w.redis.Kill9(); w.wait(200, 2000); w.redis.Start() }},
	{"PostgreSQL stops at once", 2, func(w *town) { w.pg.StopImmediate(w.t); w.wait(0, 3000); w.pg.Start() }},
	{"S3 is killed", 2, func(w *town) { w.s3.Kill9(); w.wait(200, 2000); w.s3.Start() }},
	{"a worker is killed while PostgreSQL is away", 1, func(w *town) {
		i := w.anyWorker()
		w.pg.StopImmediate(w.t)
		w.workers[i].Kill9()
		w.wait(0, 1500)
		w.pg.Start()
		w.workers[i] = w.site.Start(w.t, "worker")
	}},
	{"the API is killed while S3 is away", 1, func(w *town) {
		w.s3.Kill9()
		w.wait(0, 500)
		w.api.Kill9()
		w.wait(0, 500)
		w.s3.Start()
		w.startAPI()
	}},
}

// strike picks the next fault and has it happen.
func (w *town) strike(among []fault) {
	w.t.Helper()
	total := 0
	for _, f := range among {
		total += f.share
	}
	n := w.chance.IntN(total)
	for _, f := range among {
		if n -= f.share; n < 0 {
			w.faults[f.name]++
			f.do(w)
			return
		}
	}
}

// wait lets a random time pass, in milliseconds.
func (w *town) wait(least, most int) {
	time.Sleep(time.Duration(least+w.chance.IntN(most-least+1)) * time.Millisecond)
}

func (w *town) anyWorker() int { return w.chance.IntN(len(w.workers)) }

// replace kills a worker and starts another.
func (w *town) replace(i int) {
	w.workers[i].Kill9()
	w.workers[i] = w.site.Start(w.t, "worker")
}

// restart tells a worker to stop, as a deployment does.
func (w *town) restart() {
	i := w.anyWorker()
	w.workers[i].Term(w.t)
	if err := w.workers[i].Wait(w.t, time.Minute); err != nil {
		w.t.Errorf("a worker that was told to stop ended with %v, want success", err)
	}
	w.workers[i] = w.site.Start(w.t, "worker")
}

// killDecoder kills a child of some process.
func (w *town) killDecoder() {
	all := append([]*rig.Process{w.api}, w.workers[:]...)
	for _, i := range w.chance.Perm(len(all)) {
		if children := all[i].Children(w.t); len(children) > 0 {
			_ = syscall.Kill(children[w.chance.IntN(len(children))], syscall.SIGKILL) // it may have ended just now
			return
		}
	}
}

// freeze stops a worker for longer than its lease.
func (w *town) freeze() {
	p := w.workers[w.anyWorker()]
	p.Stop(w.t)
	time.Sleep(lease)
	w.wait(500, 2000)
	p.Cont(w.t)
}

// zombie freezes a worker in the middle of its work until the other owns one of its
// jobs, freezes that one too, and thaws the first: it ends an attempt that is not its
// own any more, if it can.
func (w *town) zombie() {
	i := w.anyWorker()
	first, second := w.workers[i], w.workers[1-i]
	var held []string
	for deadline := time.Now().Add(3 * time.Second); len(held) == 0 && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if len(w.held(first)) == 0 {
			continue
		}
		first.Stop(w.t)
		if held = w.held(first); len(held) == 0 { // it had just ended
			first.Cont(w.t)
		}
	}
	if len(held) == 0 {
		return
	}
	met := w.takenOver(second, held)
	if met {
		w.zombies++
	}
	first.Cont(w.t)
	time.Sleep(lease / 3)
	if met {
		second.Cont(w.t)
	}
}

// takenOver waits until a worker has one of the jobs, and freezes it then.
func (w *town) takenOver(second *rig.Process, jobs []string) bool {
	for deadline := time.Now().Add(6 * lease); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if !w.holds(second, jobs) {
			continue
		}
		second.Stop(w.t)
		if w.holds(second, jobs) {
			return true
		}
		second.Cont(w.t) // it was done already
	}
	return false
}

func (w *town) holds(p *rig.Process, jobs []string) bool {
	for _, id := range w.held(p) {
		for _, j := range jobs {
			if id == j {
				return true
			}
		}
	}
	return false
}

// held are the jobs that take some time and that a worker has now.
func (w *town) held(p *rig.Process) (jobs []string) {
	all, err := w.running(w.t.Context())
	if err != nil {
		return nil // the database was away a moment ago
	}
	for id, worker := range all {
		if strings.Contains(worker, fmt.Sprintf("-%d-", p.PID())) {
			jobs = append(jobs, id)
		}
	}
	return jobs
}
