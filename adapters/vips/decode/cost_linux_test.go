package decode_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/adapters/vips/engine"
	"imgd/core"
	"imgd/core/transform"
	lake "imgd/e2e/scene"
)

var costs = []string{"w=1200,h=1200,fmt=webp", "w=600,h=600,fmt=webp", "w=150,h=150,fmt=webp"}

// BenchmarkIsolation renders the same picture in turn in a decoder that is locked up,
// in one that is not, and without any: by the engine in a process of its own that does
// nothing else, with the allocator of a decoder.
func BenchmarkIsolation(b *testing.B) {
	for _, c := range []struct {
		name  string
		w, h  int
		times int // in each turn
	}{{"photo of 12 MP", 4032, 3024, 3}, {"small picture", 640, 480, 10}, {"tiny picture", 64, 48, 200}} {
		b.Run(c.name, func(b *testing.B) {
			file, err := lake.JPEG(c.w, c.h)
			if err != nil {
				b.Fatal(err)
			}
			locked, loose := pool(b, vips.IsolationRequire), pool(b, vips.IsolationOff)
			var sides [3]struct{ cpu, wall time.Duration }
			for range b.N {
				for i, p := range []*vips.Pool{locked, loose} {
					cpu, wall := rendered(b, p, file, c.times)
					sides[i].cpu, sides[i].wall = sides[i].cpu+cpu, sides[i].wall+wall
				}
				cpu, wall := alone(b, file, c.times)
				sides[2].cpu, sides[2].wall = sides[2].cpu+cpu, sides[2].wall+wall
			}
			b.ReportMetric(0, "ns/op")
			for i, name := range []string{"locked", "loose", "alone"} {
				each := func(d time.Duration) float64 { return d.Seconds() * 1000 / float64(b.N*c.times) }
				b.ReportMetric(each(sides[i].cpu), name+"-cpu-ms")
				b.ReportMetric(each(sides[i].wall), name+"-ms")
			}
			b.ReportMetric(float64(sides[0].cpu)/float64(sides[2].cpu), "times-alone-cpu")
		})
	}
}

func pool(b *testing.B, isolation string) *vips.Pool {
	b.Helper()
	p, err := vips.Open(b.Context(), vips.Config{Children: 1, Isolation: isolation, Limits: core.Limits{MemoryBytes: 1 << 30}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p
}

// rendered is what so many renders cost in this process and its decoders.
func rendered(b *testing.B, p *vips.Pool, file []byte, times int) (cpu, wall time.Duration) {
	b.Helper()
	for i := range times + 2 {
		if i == 2 { // they are warm
			cpu, wall = -spent(b), -time.Duration(time.Now().UnixNano())
		}
		if _, err := render(context.Background(), b, p, file, costs...); err != nil {
			b.Fatal(err)
		}
	}
	return cpu + spent(b), wall + time.Duration(time.Now().UnixNano())
}

// spent is the processor time of this process and its children so far.
func spent(b *testing.B) (sum time.Duration) {
	b.Helper()
	for _, pid := range append(children(b), strconv.Itoa(os.Getpid())) {
		text, _ := os.ReadFile("/proc/" + pid + "/stat")
		f := strings.Fields(string(text)[bytes.LastIndexByte(text, ')')+1:])
		for _, at := range []int{11, 12} { // utime, stime
			n, _ := strconv.ParseInt(f[at], 10, 64)
			sum += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return sum
}

// alone is what the renders cost in a process that calls the engine itself.
func alone(b *testing.B, file []byte, times int) (cpu, wall time.Duration) {
	b.Helper()
	name := filepath.Join(b.TempDir(), "picture")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		b.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "plain", name, strconv.Itoa(times))
	for _, v := range decoderEnv(b) {
		if strings.HasPrefix(v, "LD_PRELOAD=") || strings.HasPrefix(v, "MALLOC_CONF=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	out, err := cmd.Output()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := fmt.Sscan(string(out), &cpu, &wall); err != nil {
		b.Fatalf("it said %q: %v", out, err)
	}
	return cpu, wall
}

// decoderEnv is what a decoder that runs now was started with.
func decoderEnv(b *testing.B) []string {
	b.Helper()
	pids := children(b)
	if len(pids) == 0 {
		b.Fatal("there is no decoder")
	}
	text, err := os.ReadFile("/proc/" + pids[0] + "/environ")
	if err != nil {
		b.Fatal(err)
	}
	return strings.Split(string(text), "\x00")
}

// plain renders a file so many times in this process, and prints what that cost.
func plain(args []string) error {
	file, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	times, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	if err := engine.Start(engine.Options{}); err != nil {
		return err
	}
	task := engine.Task{Data: file, Facts: true}
	for i, text := range costs {
		spec, err := transform.Parse(text)
		if err != nil {
			return err
		}
		task.Variants = append(task.Variants, transform.Variant{Name: strconv.Itoa(i), Spec: spec})
	}
	used := func() time.Duration {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // it is there
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	var cpu, wall time.Duration
	for i := range times + 2 {
		if i == 2 {
			cpu, wall = -used(), -time.Duration(time.Now().UnixNano())
		}
		if _, err := engine.Render(context.Background(), task, func(o engine.Output) error { return o.Err }); err != nil {
			return err
		}
	}
	fmt.Println(int64(cpu+used()), int64(wall+time.Duration(time.Now().UnixNano())))
	return nil
}
