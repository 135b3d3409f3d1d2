package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
)

// BenchmarkFloor compares the whole service, on SQLite and a folder, with plain
// calls of libvips in one thread that come to the same variants: bench/floor.c. The
// two take turns in one run, and what counts is processor time, of the service with
// its decoders. The picture is IMGD_BENCH_PHOTO, or one that is drawn.
func BenchmarkFloor(b *testing.B) {
	f := newFloor(b)
	jpeg := photo(b)
	if name := os.Getenv("IMGD_BENCH_PHOTO"); name != "" {
		var err error
		if jpeg, err = os.ReadFile(name); err != nil { // #nosec G304 -- the tester's own picture
			b.Fatal(err)
		}
	}
	plain := f.keep(b, "photo.jpg", jpeg)
	four, three := []int{4096, 1200, 600, 150}, []int{1200, 600, 150}
	for _, c := range []struct {
		name, file string
		sizes      []int
		shrink     string
	}{
		{"jpeg, four", plain, four, "1"},
		{"jpeg, three", plain, three, "2"},
		{"p3 jpeg, four", f.convert(b, plain, "p3.jpg", "p3"), four, "1"},
		{"heic, four", f.convert(b, plain, "photo.heic", "heic"), four, "1"},
		{"rgba png, four", f.convert(b, plain, "rgba.png", "rgba"), four, "1"},
	} {
		b.Run(c.name, func(b *testing.B) { f.compare(b, c.file, c.sizes, c.shrink) })
	}
}

// floor is the program that calls libvips.
type floor struct{ bin, dir string }

func newFloor(b *testing.B) floor {
	b.Helper()
	f := floor{dir: b.TempDir()}
	f.bin = filepath.Join(f.dir, "floor")
	build := exec.Command("sh", "-c", `cc -O2 -o "$1" ../bench/floor.c $(pkg-config --cflags --libs vips)`, "sh", f.bin) // #nosec G204 -- our own program
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("the floor does not build: %v\n%s", err, out)
	}
	return f
}

func (f floor) keep(b *testing.B, name string, data []byte) string {
	b.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// convert makes another kind of file of a picture.
func (f floor) convert(b *testing.B, from, name, to string) string {
	b.Helper()
	path := filepath.Join(f.dir, name)
	f.run(b, "convert", from, path, to)
	return path
}

func (f floor) run(b *testing.B, args ...string) string {
	b.Helper()
	out, err := exec.Command(f.bin, args...).CombinedOutput() // #nosec G204 -- our own program
	if err != nil {
		b.Fatalf("floor %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// render is the processor time and the time that one of so many rounds takes.
func (f floor) render(b *testing.B, file string, sizes []int, shrink string, rounds int) (cpu, wall time.Duration) {
	b.Helper()
	list := strings.Trim(strings.ReplaceAll(fmt.Sprint(sizes), " ", ","), "[]")
	var cpuMS, wallMS float64
	out := f.run(b, "render", file, list, "webp", fmt.Sprint(rounds), shrink)
	if _, err := fmt.Sscanf(out, "cpu %f wall %f", &cpuMS, &wallMS); err != nil {
		b.Fatalf("the floor says %q: %v", out, err)
	}
	return time.Duration(cpuMS * float64(time.Millisecond)), time.Duration(wallMS * float64(time.Millisecond))
}

func (f floor) compare(b *testing.B, file string, sizes []int, shrink string) {
	data, err := os.ReadFile(file) // #nosec G304 -- made above
	if err != nil {
		b.Fatal(err)
	}
	var variants []string
	for _, n := range sizes {
		variants = append(variants, fmt.Sprintf(`"v%d":"w=%d,h=%d"`, n, n, n))
	}
	wanted := "{" + strings.Join(variants, ",") + "}"
	p := rig.NewSite(b, shipped, "IMGD_LOG_LEVEL=warn").Start(b, "serve")
	c := caller.At(p.URL)
	serve := func(key string) (cpu, wall time.Duration) {
		before, began := p.CPU(b), time.Now()
		a, err := c.Upload(context.Background(), data, filepath.Base(file), key, "variants", wanted)
		if err != nil || a.Status != http.StatusAccepted {
			b.Fatalf("an upload was answered %d %s, %v", a.Status, a.Body, err)
		}
		if j := finished(b, p.URL, decode[job](b, answer{body: a.Body}).ID, time.Minute); j.State != "succeeded" {
			b.Fatalf("a job ended %s: %s", j.State, a.Body)
		}
		return p.CPU(b) - before, time.Since(began)
	}
	serve("warm")
	var ours, floors, busy, busyFloors spent
	for i := range b.N {
		floors.add(f.render(b, file, sizes, shrink, 1))
		ours.add(serve(fmt.Sprint(i)))
		for _, one := range crowded(func(int) spent {
			cpu, wall := f.render(b, file, sizes, shrink, turns)
			return spent{cpu, wall}
		}) {
			busyFloors.add(turns*one.cpu, turns*one.wall)
		}
		before := p.CPU(b)
		for _, lane := range crowded(func(lane int) spent {
			began := time.Now()
			for turn := range turns {
				serve(fmt.Sprintf("%d-%d-%d", i, lane, turn))
			}
			return spent{wall: time.Since(began)}
		}) {
			busy.add(0, lane.wall)
		}
		busy.cpu += p.CPU(b) - before
	}
	each := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(each(floors.cpu), "floor-cpu-ms")
	b.ReportMetric(each(ours.cpu), "cpu-ms")
	b.ReportMetric(float64(ours.cpu)/float64(floors.cpu), "times-floor")
	b.ReportMetric(float64(ours.wall)/float64(floors.wall), "times-floor-wall")
	b.ReportMetric(float64(busy.cpu)/float64(busyFloors.cpu), "times-floor-busy")
	b.ReportMetric(float64(busy.wall)/float64(busyFloors.wall), "times-floor-busy-wall")
}

// spent is processor time and time.
type spent struct{ cpu, wall time.Duration }

func (s *spent) add(cpu, wall time.Duration) { s.cpu, s.wall = s.cpu+cpu, s.wall+wall }

// turns is how often each of a crowd does it.
const turns = 3

// crowded does something on as many lanes as there are cores, and returns what it
// took on each.
func crowded(do func(lane int) spent) []spent {
	took := make([]spent, runtime.NumCPU())
	var lanes sync.WaitGroup
	for lane := range took {
		lanes.Go(func() { took[lane] = do(lane) })
	}
	lanes.Wait()
	return took
}
