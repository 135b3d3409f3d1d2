package vips_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"imgd/adapters/vips"
	"imgd/core"
	"imgd/ports"
)

// weighing is a task of a picture that is predicted to take so many bytes.
func weighing(t testing.TB, word string, bytes int64) ports.Task {
	job := task(t, word, "a")
	job.Probe = core.Probe{ContentType: "image/png", Width: 10, Height: 10, Pages: 1, MemoryBytes: bytes}
	return job
}

// scales weigh what goes on at the moment.
type scales struct {
	mu        sync.Mutex
	now, peak int64
}

func (s *scales) add(bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now += bytes
	s.peak = max(s.peak, s.now)
}

// crowd renders a lot at once and returns the most that was decoded together, as it
// weighs. Some callers give up.
func crowd(t *testing.T, p *vips.Pool, renders int) int64 {
	t.Helper()
	var s scales
	var all sync.WaitGroup
	for i := range renders {
		all.Go(func() {
			job := weighing(t, "ok", rand.Int64N(64<<20))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			gone := errors.New("the caller has gone")
			if i%5 == 0 {
				time.AfterFunc(rand.N(200*time.Millisecond), func() { cancel(gone) })
			}
			weight := p.Weigh(job)
			_, err := p.Render(ctx, job, func(ports.Rendition) error {
				s.add(weight)
				defer s.add(-weight) // before the render gives its memory back
				time.Sleep(20 * time.Millisecond)
				return nil
			})
			if err != nil && !errors.Is(err, gone) {
				t.Errorf("render %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if got := p.Stats(); got.RenderBytes != 0 || got.Heavy != 0 {
		t.Errorf("afterwards %d bytes are set aside and %d renders wait, want none", got.RenderBytes, got.Heavy)
	}
	return s.peak
}

func TestRendersKeepToTheirMemoryTogether(t *testing.T) {
	const limit = 256 << 20 // for two to three of them
	few := func(c *vips.Config) { c.Children, c.RenderBytes = 6, limit }
	peak := crowd(t, open(t, few), 60)
	t.Logf("at most %d MiB of %d", peak>>20, limit>>20)
	if peak > limit {
		t.Errorf("what went on at once weighs %d bytes, want at most %d", peak, limit)
	}
	if peak < limit/3 {
		t.Errorf("what went on at once weighs %d bytes of %d: nothing goes on beside anything", peak, limit)
	}
	mutant := open(t, few)
	mutant.Unbound()
	if peak := crowd(t, mutant, 60); peak <= limit {
		t.Errorf("without a budget what went on at once weighs %d bytes, want more than %d: this test sees nothing", peak, limit)
	}
}

// stage has renders go on for as long as the test wants.
type stage struct {
	p  *vips.Pool
	on chan string // who has begun
}

// play begins a render and returns what ends it.
func (s *stage) play(t *testing.T, ctx context.Context, name string, bytes int64) (end func(), result <-chan error) {
	job := weighing(t, "ok", bytes)
	curtain, done := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := s.p.Render(ctx, job, func(ports.Rendition) error {
			s.on <- name
			<-curtain
			return nil
		})
		done <- err
	}()
	return sync.OnceFunc(func() { close(curtain) }), done
}

func (s *stage) waiting(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d wait for memory", n), func() bool { return s.p.Stats().Heavy == n })
}

func TestAHeavyRenderIsNotPassedByLightOnes(t *testing.T) {
	const limit = 512 << 20
	s := stage{open(t, func(c *vips.Config) { c.Children, c.RenderBytes = 4, limit }), make(chan string, 4)}
	endA, doneA := s.play(t, t.Context(), "light", 1)
	if got := <-s.on; got != "light" {
		t.Fatal(got)
	}
	endB, doneB := s.play(t, t.Context(), "heavy", limit)
	s.waiting(t, 1)
	endC, doneC := s.play(t, t.Context(), "late", 1)
	s.waiting(t, 2)
	if n := len(s.on); n != 0 {
		t.Fatalf("%q has begun, want nobody: the heavy one was there before", <-s.on)
	}
	var order []string
	for _, end := range []func(){endA, endB, endC} {
		end()
		if len(order) < 2 {
			order = append(order, <-s.on)
		}
	}
	if want := []string{"heavy", "late"}; !slices.Equal(order, want) {
		t.Errorf("they began in the order %q, want %q", order, want)
	}
	for _, done := range []<-chan error{doneA, doneB, doneC} {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestARenderHeavierThanTheBudgetRunsAlone(t *testing.T) {
	const limit = 80 << 20
	s := stage{open(t, func(c *vips.Config) { c.Children, c.RenderBytes = 2, limit }), make(chan string, 2)}
	endA, doneA := s.play(t, t.Context(), "giant", 200<<20)
	<-s.on
	endB, doneB := s.play(t, t.Context(), "light", 1)
	s.waiting(t, 1)
	if got := s.p.Stats(); got.RenderBytes != limit || got.RenderLimit != limit {
		t.Errorf("it takes %d of %d bytes, want all of %d", got.RenderBytes, got.RenderLimit, limit)
	}
	endA()
	endB()
	if err := errors.Join(<-doneA, <-doneB); err != nil {
		t.Error(err)
	}
}

func TestWhoWaitsForMemoryCanLeave(t *testing.T) {
	const limit = 256 << 20
	s := stage{open(t, func(c *vips.Config) { c.Children, c.RenderBytes = 3, limit }), make(chan string, 3)}
	endA, doneA := s.play(t, t.Context(), "light", 1)
	<-s.on
	ctx, cancel := context.WithCancelCause(t.Context())
	_, doneB := s.play(t, ctx, "heavy", limit)
	s.waiting(t, 1)
	endC, doneC := s.play(t, t.Context(), "late", 1)
	s.waiting(t, 2)
	gone := errors.New("the caller has gone")
	cancel(gone)
	if err := <-doneB; !errors.Is(err, gone) {
		t.Errorf("the heavy one: got %v, want %v", err, gone)
	}
	if got := <-s.on; got != "late" { // it has room, now that nobody is before it
		t.Errorf("%s goes on, want the one that came late", got)
	}
	endC()
	if err := <-doneC; err != nil {
		t.Error(err)
	}
	_, doneD := s.play(t, t.Context(), "heavy", limit)
	s.waiting(t, 1)
	s.p.Close()
	if err := <-doneD; core.SlugOf(err) != core.ShuttingDown {
		t.Errorf("who waits when the pool is closed: got %v, want shutting-down", err)
	}
	endA()
	<-doneA
	if got := s.p.Stats(); got.RenderBytes != 0 || got.Heavy != 0 {
		t.Errorf("afterwards %d bytes are set aside and %d renders wait, want none", got.RenderBytes, got.Heavy)
	}
}

func TestWhatNoDecoderCanHoldIsRefused(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Limits.MemoryBytes = 192 << 20 })
	job := weighing(t, "ok", 100<<20)
	if err := p.Fits(job.Probe, job.Variants); err != nil {
		t.Errorf("a small one: %v", err)
	}
	heavy := job.Probe
	heavy.Width, heavy.Height, heavy.MemoryBytes = 9000, 9000, 1<<30
	if err := p.Fits(heavy, job.Variants); core.SlugOf(err) != core.ImageTooComplex {
		t.Errorf("a heavy one: got %v, want %s", err, core.ImageTooComplex)
	}
	heavy.MemoryBytes = 0
	if err := p.Fits(heavy, job.Variants); err != nil {
		t.Errorf("one of which nothing is known: %v", err)
	}
}

func TestProbesTakeNoMemoryFromRenders(t *testing.T) {
	s := stage{open(t, func(c *vips.Config) { c.RenderBytes = 80 << 20 }), make(chan string, 1)}
	end, done := s.play(t, t.Context(), "giant", 200<<20)
	<-s.on
	within, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	if _, err := s.p.Probe(within, file(t, "ok", 100), 100); err != nil {
		t.Errorf("a probe beside a render that has all memory: %v", err)
	}
	end()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestControlGroupsSayHowMuchMemoryThereIs(t *testing.T) {
	const none = 1<<63 - 1
	for _, c := range []struct {
		name  string
		files map[string]string
		want  int64
	}{
		{"a system without any", nil, none},
		{"a container of version 2", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, 1 << 30},
		{"version 2 without a limit", map[string]string{"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "max\n"}, none},
		{"a service of version 2", map[string]string{
			"proc/self/cgroup": "0::/system.slice/imgd.service\n", "sys/fs/cgroup/system.slice/imgd.service/memory.max": "2147483648\n",
			"sys/fs/cgroup/system.slice/memory.max": "max\n",
		}, 2 << 30},
		{"a slice with less than its service", map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "2147483648\n", "sys/fs/cgroup/a/memory.max": "1073741824\n",
		}, 1 << 30},
		{"a container of version 1, named by its host", map[string]string{
			"proc/self/cgroup": "5:cpu:/docker/1\n4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
		}, 512 << 20},
		{"a service of version 1", map[string]string{
			"proc/self/cgroup":                                  "4:hugetlb,memory:/s\n0::/s\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":        "9223372036854771712\n",
			"sys/fs/cgroup/memory/s/memory.limit_in_bytes":      "1073741824\n",
			"sys/fs/cgroup/memory/s/deep/memory.limit_in_bytes": "1\n",
		}, 1 << 30},
		{"nonsense", map[string]string{"proc/self/cgroup": "what\n::::\n0::../../..\n", "sys/fs/cgroup/memory.max": "-1\n"}, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			system := fstest.MapFS{}
			for name, text := range c.files {
				system[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := vips.Controlled(system); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}
