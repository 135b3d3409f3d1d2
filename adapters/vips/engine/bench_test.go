package engine

import (
	"sync"
	"syscall"
	"testing"
	"time"

	"imgd/core/transform"
	"imgd/e2e/scene"
)

// camera is a photo of 12 MP, drawn once.
var camera = sync.OnceValues(func() ([]byte, error) { return scene.JPEG(4032, 3024) })

// BenchmarkRender12MP compares one render of the default preset with a render for
// each of its variants, and with the least that libvips can do it in: decode,
// scale down step by step, encode.
func BenchmarkRender12MP(b *testing.B) {
	preset := transform.DefaultPreset()
	b.Run("preset", func(b *testing.B) {
		measure(b, func(emitted func()) {
			all(b, preset, emitted)
		})
	})
	b.Run("one by one", func(b *testing.B) {
		measure(b, func(emitted func()) {
			for _, name := range []string{"thumbnail", "medium", "large", "original"} {
				for _, v := range preset {
					if v.Name == name {
						all(b, []transform.Variant{v}, emitted)
					}
				}
			}
		})
	})
	b.Run("floor", func(b *testing.B) {
		measure(b, func(emitted func()) { cascade(b, emitted) })
	})
}

// BenchmarkRenderTiny is what a small picture costs, which is hardly its pixels.
func BenchmarkRenderTiny(b *testing.B) {
	data, err := scene.JPEG(64, 64)
	if err != nil {
		b.Fatal(err)
	}
	preset := transform.DefaultPreset()
	before := spent()
	for b.Loop() {
		if _, err := Render(b.Context(), Task{Data: data, Variants: preset, Facts: true}, func(o Output) error { return o.Err }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((spent()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func all(b *testing.B, vs []transform.Variant, emitted func()) {
	data, err := camera()
	if err != nil {
		b.Fatal(err)
	}
	if _, err := Render(b.Context(), Task{Data: data, Variants: vs}, func(o Output) error {
		emitted()
		return o.Err
	}); err != nil {
		b.Fatal(err)
	}
}

// cascade draws each size from the one before.
func cascade(b *testing.B, emitted func()) {
	data, err := camera()
	if err != nil {
		b.Fatal(err)
	}
	p, err := load("jpegload_buffer", data, "access=sequential")
	if err != nil {
		b.Fatal(err)
	}
	for _, size := range [][2]int{{4032, 3024}, {1200, 900}, {600, 450}, {150, 113}} {
		s := from(p)
		s.resize(size[0], size[1], false)
		s.keep()
		p.free()
		if p, err = s.end(); err != nil {
			b.Fatal(err)
		}
		file, err := plate{picture: p, frames: 1}.within(transform.Default())
		if err != nil {
			b.Fatal(err)
		}
		file.free()
		emitted()
	}
	p.free()
}

// measure reports what a run costs beside its time: CPU, and how long the first
// result takes.
func measure(b *testing.B, run func(emitted func())) {
	_, _ = camera() // before the clock runs
	var first time.Duration
	before := spent()
	b.ResetTimer()
	for b.Loop() {
		began, out := time.Now(), false
		run(func() {
			if !out {
				first, out = first+time.Since(began), true
			}
		})
	}
	b.ReportMetric(float64((spent()-before).Milliseconds())/float64(b.N), "cpu-ms/op")
	b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "first-ms/op")
}

// spent is the CPU time of the process.
func spent() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
