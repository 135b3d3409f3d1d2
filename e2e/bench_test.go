package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/rig"
	"imgd/e2e/scene"
)

// BenchmarkTinyJobs uploads 64x64 JPEGs through HTTP, eight at a time, and waits
// until the four variants of each are stored and recorded, every write synced: on
// SQLite and a folder, and on PostgreSQL, Redis and S3, servers that sync too.
func BenchmarkTinyJobs(b *testing.B) {
	b.Run("sqlite-disk", func(b *testing.B) { tinyJobs(b, rig.NewSite(b, shipped, "IMGD_LOG_LEVEL=warn")) })
	b.Run("postgres-redis-s3", func(b *testing.B) { tinyJobs(b, rig.NewDurable(b, shipped, "IMGD_LOG_LEVEL=warn")) })
}

func tinyJobs(b *testing.B, site *rig.Site) {
	p := site.Start(b, "serve")
	files := make([][]byte, 16)
	for i := range files {
		var err error
		if files[i], err = scene.JPEG(64, 64); err != nil {
			b.Fatal(err)
		}
	}
	warm := upload(b, p.URL, files[0], "a.jpg")
	finished(b, p.URL, warm.ID, time.Minute)
	cpu := p.CPU(b)
	b.ResetTimer()
	ids := make(chan string, b.N)
	work := make(chan int)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range work {
				a, err := tryPost(b, p.URL, files[i%len(files)], "a.jpg")
				if err != nil || a.status != http.StatusAccepted {
					b.Errorf("an upload was answered %d, %v", a.status, err)
					continue
				}
				ids <- decode[job](b, a).ID
			}
		})
	}
	for i := range b.N {
		work <- i
	}
	close(work)
	wg.Wait()
	close(ids)
	for id := range ids {
		if j := finished(b, p.URL, id, 5*time.Minute); j.State != "succeeded" {
			b.Errorf("a job ended %s", j.State)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
	b.ReportMetric((p.CPU(b)-cpu).Seconds()*1000/float64(b.N), "cpu-ms/job")
}

// BenchmarkPhoto12MP sends one 12 MP photograph after the other: through the
// service, and through the pipeline without it (imgd process).
func BenchmarkPhoto12MP(b *testing.B) {
	file := photo(b)
	b.Run("service", func(b *testing.B) {
		p := rig.NewSite(b, shipped, "IMGD_LOG_LEVEL=warn").Start(b, "serve")
		finished(b, p.URL, upload(b, p.URL, file, "warm.jpg").ID, time.Minute)
		cpu := p.CPU(b)
		var accepted, queued, thumbnail, all, render time.Duration
		b.ResetTimer()
		for range b.N {
			began := time.Now()
			j := upload(b, p.URL, file, "a.jpg")
			at := time.Now()
			accepted += at.Sub(began)
			readable(b, p.URL+"/v1/images/"+j.ImageID+"/variants/thumbnail")
			thumbnail += time.Since(at)
			done := finished(b, p.URL, j.ID, time.Minute)
			all += time.Since(at)
			queued += done.StartedAt.Sub(done.CreatedAt)
			render += time.Duration(done.Cost.CPUMS) * time.Millisecond
		}
		b.StopTimer()
		each := func(d time.Duration, unit string) {
			b.ReportMetric(float64(d.Microseconds())/1000/float64(b.N), unit)
		}
		each(accepted, "ms-to-202")
		each(queued, "ms-queued")
		each(thumbnail, "ms-202-to-thumbnail")
		each(all, "ms-202-to-all")
		each(render, "decoder-cpu-ms")
		each(p.CPU(b)-cpu, "cpu-ms")
	})
	b.Run("without", func(b *testing.B) {
		dir := b.TempDir()
		name := filepath.Join(dir, "a.jpg")
		if err := os.WriteFile(name, file, 0o600); err != nil {
			b.Fatal(err)
		}
		args := []string{"process", "--force", "--decoders=1", "-o", dir}
		for range b.N {
			args = append(args, name)
		}
		cmd := exec.Command(shipped, args...) // #nosec G204 -- the binary of this test
		cmd.Dir = dir
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		b.ResetTimer()
		if err := cmd.Run(); err != nil {
			b.Fatalf("%v\n%s", err, &out)
		}
		b.StopTimer()
		b.ReportMetric(float64((cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Milliseconds())/float64(b.N), "cpu-ms")
	})
}

// readable asks for a variant until it is there.
func readable(b *testing.B, url string) {
	b.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		resp, err := http.Get(url) // #nosec G107 -- our own child
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	b.Fatal(fmt.Errorf("%s is not readable after a minute", strings.TrimPrefix(url, "http://")))
}
