package vips_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"imgd/adapters/vips"
	"imgd/adapters/vips/wire"
	"imgd/core"
)

func TestALieIsAnErrorAndTheLiarIsReplaced(t *testing.T) {
	p := open(t, nil)
	lies := []string{
		"name", "twice", "long", "empty", "magic", "type", "size", "flat", "pages", "slug", "authority",
		"json", "kind", "header", "noise", "stranger", "bare", "gossip",
	}
	for _, word := range lies {
		t.Run(word, func(t *testing.T) {
			before := p.Stats().Restarts.Lied
			all, _, err := render(t.Context(), p, task(t, word, "a"))
			e := core.KindOf(err)
			if e != core.Internal || core.SlugOf(err) != core.Slug(core.Internal) || !strings.Contains(err.Error(), wire.ErrBroken.Error()) {
				t.Errorf("got %v, want an internal error because of a broken protocol", err)
			}
			if word != "twice" && word != "gossip" && len(all) != 0 {
				t.Errorf("%d outputs were passed on", len(all))
			}
			eventually(t, "the liar is replaced", func() bool { return p.Stats().Restarts.Lied == before+1 })
			mustWork(t, p)
		})
	}
}

func TestFactsAndProbesAreCheckedToo(t *testing.T) {
	p := open(t, nil)
	words := []string{"colour", "blurhash"}
	for word := range described {
		if word != "seen" {
			words = append(words, word)
		}
	}
	for _, word := range words {
		job := task(t, word, "a")
		job.Facts = true
		if _, _, err := render(t.Context(), p, job); core.SlugOf(err) != core.Slug(core.Internal) {
			t.Errorf("%s: got %v, want internal", word, err)
		}
	}
	for _, word := range []string{"lie", "wide"} {
		if _, err := p.Probe(t.Context(), file(t, word, 100), 100); core.SlugOf(err) != core.Slug(core.Internal) {
			t.Errorf("Probe of %s: got %v, want internal", word, err)
		}
	}
	eventually(t, "all are counted", func() bool { return p.Stats().Restarts.Lied == int64(len(words)+2) })
}

func TestFactsComeWithWhatTheFileSaysOfItself(t *testing.T) {
	for word, keep := range map[string]bool{"seen": false, "place": true} {
		p := open(t, func(c *vips.Config) { c.KeepGPS = keep })
		job := task(t, word, "a")
		job.Facts = true
		_, report, err := render(t.Context(), p, job)
		if err != nil {
			t.Fatalf("%s: %v", word, err)
		}
		want := &core.Facts{DominantColor: "#102030", AverageColor: "#405060", Blurhash: "00OZZy"}
		described[word](want)
		if !reflect.DeepEqual(report.Facts, want) {
			t.Errorf("%s: got %+v, want %+v", word, report.Facts, want)
		}
	}
}

func TestAChattyChildHoldsNobodyUp(t *testing.T) {
	p := open(t, nil)
	if _, _, err := render(t.Context(), p, task(t, "chatty", "a")); err != nil {
		t.Error(err)
	}
}

// besides is what a child may have beside the memory for a picture.
const besides = 256 << 20

func TestAChildKnowsOnlyWhatItNeeds(t *testing.T) {
	t.Setenv("SECRET_OF_THE_PARENT", "1")
	secret := path.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	leak, err := syscall.Open(secret, syscall.O_RDONLY, 0) // inheritable, as a library would leave it
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(leak)
	var st unix.Stat_t
	if err := unix.Fstat(leak, &st); err != nil {
		t.Fatal(err)
	}

	p := open(t, func(c *vips.Config) { c.Env = []string{"EXTRA=2"} })
	all, _, err := render(t.Context(), p, task(t, "report", "a"))
	if err != nil {
		t.Fatal(err)
	}
	var in inside
	if err := json.Unmarshal(all[0].body[len(magic):], &in); err != nil {
		t.Fatal(err)
	}
	allowed := []string{wire.Variable, "VIPS_BLOCK_UNTRUSTED", "LD_PRELOAD", "MALLOC_CONF", "EXTRA"}
	for _, v := range in.Given {
		if name, _, _ := strings.Cut(v, "="); !slices.Contains(allowed, name) {
			t.Errorf("the child knows %s", v)
		}
	}
	if !slices.Contains(in.Given, "EXTRA=2") || !slices.Contains(in.Given, "VIPS_BLOCK_UNTRUSTED=1") {
		t.Errorf("the child's environment was %q, want EXTRA and VIPS_BLOCK_UNTRUSTED in it", in.Given)
	}
	if len(in.Env) != 0 {
		t.Errorf("the child's environment is %q while it works, want nothing", in.Env)
	}
	if slices.Contains(in.Files, st.Ino) {
		t.Error("the child has inherited an open file")
	}
	if in.Sockets != 1 {
		t.Errorf("the child has %d sockets, want 1", in.Sockets)
	}
	if in.Core != 0 || in.Nofile != 64 || in.Data != memoryBytes+besides || in.Dumpable != 0 {
		t.Errorf("limits: got core %d, files %d, data %d, dumpable %d, want 0, 64, %d, 0", in.Core, in.Nofile, in.Data, in.Dumpable, uint64(memoryBytes+besides))
	}
	if in.CPU != 3600+8*120 || in.Fsize != 16<<20 {
		t.Errorf("limits: got %d s of computing and files of %d bytes, want an hour and eight times a render, and 16 MiB", in.CPU, in.Fsize)
	}
}

func TestAChildIsNotWokenForNothing(t *testing.T) {
	all, _, err := render(t.Context(), open(t, nil), task(t, "report", "a"))
	if err != nil {
		t.Fatal(err)
	}
	var in inside
	if err := json.Unmarshal(all[0].body[len(magic):], &in); err != nil {
		t.Fatal(err)
	}
	if got, want := time.Duration(in.Slack), time.Millisecond; got != want {
		t.Errorf("a timer of a child may be %v late, want %v: Go's watcher asks for 20 µs", got, want)
	}
}

func TestAChildCannotHaveAllMemory(t *testing.T) {
	if raced {
		return // no limit can be set: see memoryBytes
	}
	p := open(t, nil)
	_, _, err := render(t.Context(), p, task(t, "gorge", "a"))
	if core.SlugOf(err) != core.DecoderCrashed || !strings.Contains(err.Error(), "memory") {
		t.Errorf("got %v, want decoder-crashed for want of memory", err)
	}
	mustWork(t, p)
}

// beParent is a process with a pool and a child that is busy for ever.
func beParent() error {
	p, err := vips.Open(context.Background(), config())
	if err != nil {
		return err
	}
	f, err := os.CreateTemp("", "")
	if err != nil {
		return err
	}
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	if _, err := f.WriteString("hang "); err != nil {
		return err
	}
	go func() { _, _ = p.Probe(context.Background(), f, 5) }()
	for p.Stats().Busy == 0 || len(p.Pids()) < 2 {
		time.Sleep(time.Millisecond)
	}
	fmt.Println(p.Pids())
	select {}
}

func TestChildrenDieWithTheirParent(t *testing.T) {
	cmd := exec.Command("/proc/self/exe", "parent")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids [2]int
	if _, err := fmt.Sscanf(line, "[%d %d]", &pids[0], &pids[1]); err != nil {
		t.Fatalf("the parent said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("child %d is gone", pid), func() bool {
			text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			_, after, _ := strings.Cut(string(text), ") ")
			return err != nil || strings.HasPrefix(after, "Z")
		})
	}
}

// FuzzAnswer shows that no answer makes the checks panic, and that what they let
// pass is what was asked for.
func FuzzAnswer(f *testing.F) {
	f.Add(`{"Name":"a","ContentType":"image/png","Ext":"png","Width":10,"Height":8,"Pages":1}`, []byte(magic), `{"CPUMS":1}`)
	f.Add(`{"Name":"a","Failure":{"Slug":"image-truncated","Detail":"x","Facts":{"limit":1,"l":["a"],"b":true}}}`, []byte{}, `{"Facts":{"DominantColor":"#000000","AverageColor":"","Blurhash":"00OZZy"}}`)
	f.Add(`{}`, []byte(`{"exif":{"Make":"Acme"}}`), `{"Facts":{"Palette":["#000000"],"Thumbhash":"YxaCGoY4oHiQeZSweAa9t2Bod3h3eIc=","Phash":"00ff00ff00ff00ff"}}`)
	f.Add(`{"Name":"a","Warnings":[{"slug":"x","detail":"y"}]}`, []byte("RIFF"), `{"Failure":{"Slug":"internal","Cause":"x"}}`)
	f.Add(`{}`, []byte{}, `{"Probe":{"Format":"png","ContentType":"image/png","Width":1,"Height":1,"Pages":1}}`)
	job := task(f, "", "a")
	job.Facts = true
	l := core.Limits{Pixels: 1 << 20, Side: 1 << 12, Frames: 10}
	f.Fuzz(func(t *testing.T, output string, body []byte, done string) {
		o := wire.Frame{Kind: wire.KindOutput, Header: []byte(output), Body: body, Size: int64(len(body))}
		d := wire.Frame{Kind: wire.KindDone, Header: []byte(done)}
		if err := vips.JudgeProbe(l, d); err == nil {
			var p wire.Done
			if err := d.Decode(&p); err != nil || p.Probe == nil || p.Probe.Width*p.Probe.Height > l.Pixels {
				t.Errorf("let pass: %s", done)
			}
		}
		if err := vips.Judge(job, l, o, d); err == nil && !strings.Contains(output, "a") {
			t.Errorf("let pass: %s", output)
		}
	})
}
