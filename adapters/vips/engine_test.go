package vips_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"imgd/adapters/vips"
	"imgd/adapters/vips/decode/child"
	"imgd/adapters/vips/wire"
	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// The test binary is its own decoder: started with "decode" it does what the
// first word of a file says.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "decode":
			exit(child.Run(startActor))
		case "leaky":
			exit(beLeaky())
		case "dud":
			exit(errors.New("the library is missing"))
		case "parent":
			exit(beParent())
		}
	}
	goleak.VerifyTestMain(m)
}

// beLeaky is a child of a system that has no Landlock.
func beLeaky() error {
	conn, err := wire.Inherited(wire.Descriptor)
	if err != nil {
		return err
	}
	h := wire.Hello{Version: wire.Version, Capabilities: (*actor)(nil).Capabilities()}
	h.Jail = wire.Jail{Layers: []string{"seccomp"}, Missing: []string{"landlock: this kernel has it not"}}
	if err := conn.Send(wire.KindHello, h, nil); err != nil {
		return err
	}
	_, err = conn.Receive() // the parent ends this
	return err
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// actor is an engine that plays the part a file tells it.
type actor struct {
	settings wire.Settings
	given    []string // its environment when it started
}

func startActor(s wire.Settings) (child.Engine, error) { return &actor{s, os.Environ()}, nil }

func (*actor) Capabilities() core.Capabilities {
	return core.Capabilities{Read: []string{"png"}, Write: []string{"png"}, Library: "actor 1", Renderer: "a1"}
}

func (a *actor) Probe(data []byte) (core.Probe, error) {
	word, _, _ := strings.Cut(string(data[:min(len(data), 64)]), " ")
	good := core.Probe{Format: "png", ContentType: "image/png", Width: 40, Height: 30, Pages: 1, MemoryBytes: int64(len(data))}
	switch word {
	case "refuse":
		return core.Probe{}, core.ImageTooLarge.Errorf("too large; scale it down").With("limit", 5).With("actual", int64(7))
	case "puzzled":
		return core.Probe{}, errors.New("secret of the library")
	case "lie":
		good.Format = "exe"
	case "wide":
		good.Width = 1 << 40
	default:
		return good, act(word)
	}
	return good, nil
}

func act(word string) error {
	switch word {
	case "segv":
		die(syscall.SIGSEGV)
	case "abort":
		die(syscall.SIGABRT)
	case "bus":
		die(syscall.SIGBUS)
	case "ill":
		die(syscall.SIGILL)
	case "kill":
		die(syscall.SIGKILL)
	case "hang":
		time.Sleep(time.Hour)
	case "leave":
		os.Exit(0)
	case "nap":
		time.Sleep(20 * time.Millisecond)
	case "hoard":
		_, err := unix.Mmap(-1, 0, 300<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
		return err
	case "gorge":
		var all [][]byte
		for range 64 {
			all = append(all, bytes.Repeat([]byte{1}, 64<<20))
		}
		return fmt.Errorf("%d times 64 MiB were to be had", len(all))
	}
	return nil
}

// die sends the signal to the calling thread, as a fault does.
func die(s syscall.Signal) {
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), s)
	time.Sleep(time.Minute)
}

func (a *actor) Render(_ context.Context, t child.Task, emit func(child.Output) error) (*core.Facts, error) {
	word, _, _ := strings.Cut(string(t.Data[:min(len(t.Data), 64)]), " ")
	for i, v := range t.Variants {
		o := output(v.Name, 100)
		switch word {
		case "big":
			o.Body = picture(v.Name, 3<<20)
		case "report":
			o.Body = append(picture("", 8), a.report()...)
		case "half":
			if i == 1 {
				o.Err = core.ImageUndecodable.Errorf("this one did not work")
			}
		default:
			lie(word, &o)
		}
		if err := emit(o); err != nil {
			return nil, err
		}
		switch word {
		case "twice":
			_ = emit(o)
		case "late":
			return nil, core.ImageTruncated.Errorf("it ends in the middle")
		}
	}
	if err := act(word); err != nil {
		return nil, err
	}
	if !t.Facts && word != "gossip" {
		return nil, nil
	}
	f := &core.Facts{DominantColor: "#102030", AverageColor: "#405060", Blurhash: "00OZZy"}
	switch word {
	case "colour":
		f.DominantColor = "<script>"
	case "blurhash":
		f.Blurhash = "LEHV6nWB2yk8pyo0adR*.7kCMdn"
	default:
		describe(word, f)
	}
	return f, nil
}

// described are facts as an engine tells them, and the ways to tell them wrongly.
var described = map[string]func(*core.Facts){
	"seen": func(f *core.Facts) {
		f.Palette, f.Thumbhash, f.Phash = core.Palette{"#102030", "#405060"}, "YxaCGoY4oHiQeZSweAa9t2Bod3h3eIc=", "00ff00ff00ff00ff"
		f.Embedded = json.RawMessage(`{"exif":{"Make":"Acme"},"iptc":{},"xmp":{}}`)
	},
	"place":      func(f *core.Facts) { f.Embedded = json.RawMessage(`{"exif":{"GPSLatitude":47.5},"iptc":{},"xmp":{}}`) },
	"paint":      func(f *core.Facts) { f.Palette = core.Palette{"#102030", "url(x)"} },
	"no-paint":   func(f *core.Facts) { f.Palette = core.Palette{""} },
	"same-paint": func(f *core.Facts) { f.Palette = core.Palette{"#102030", "#102030"} },
	"much-paint": func(f *core.Facts) {
		f.Palette = core.Palette{"#000001", "#000002", "#000003", "#000004", "#000005", "#000006"}
	},
	"thumb-short":   func(f *core.Facts) { f.Thumbhash = "YxaCGoY4oHiQeZSweAa9t2Bod3h3eA==" },
	"thumb-long":    func(f *core.Facts) { f.Thumbhash = strings.Repeat("YxaCGoY4oHiQeZSweAa9t2Bod3h3eIc=", 9) },
	"thumb-empty":   func(f *core.Facts) { f.Thumbhash = "AAAAAAA=" },
	"thumb-text":    func(f *core.Facts) { f.Thumbhash = "<script>alert(1)</script>" },
	"phash-short":   func(f *core.Facts) { f.Phash = "00ff" },
	"phash-capital": func(f *core.Facts) { f.Phash = "00FF00FF00FF00FF" },
	"said-html":     func(f *core.Facts) { f.Embedded = json.RawMessage(`<script>`) },
	"said-nested":   func(f *core.Facts) { f.Embedded = json.RawMessage(`{"exif":{"Make":{"a":1}}}`) },
	"said-much": func(f *core.Facts) {
		f.Embedded = json.RawMessage(`{"exif":{"Make":"` + strings.Repeat("x", 70<<10) + `"}}`)
	},
	"said-huge": func(f *core.Facts) { f.Embedded = bytes.Repeat([]byte(" "), 3<<20) },
}

func describe(word string, f *core.Facts) {
	if tell, ok := described[word]; ok {
		tell(f)
	}
}

func output(name string, size int) child.Output {
	return child.Output{
		Name: name, ContentType: "image/png", Ext: "png", Width: 10, Height: 8, Pages: 1,
		Body: picture(name, size), Warnings: core.Warnings{{Slug: "played", Detail: "not\nreal", Variant: name}},
	}
}

// lie spoils an output, or what surrounds it on the socket.
func lie(word string, o *child.Output) {
	switch word {
	case "name":
		o.Name = "stranger"
	case "long":
		o.Body = picture("", 9<<20)
	case "empty":
		o.Body = nil
	case "magic":
		o.Body = []byte("GIF89a and so on")
	case "type":
		o.ContentType = "text/html"
	case "size":
		o.Width = 11
	case "flat":
		o.Height = 0
	case "pages":
		o.Pages = 2
	case "slug":
		raw("\x04\x00\x00\x00\x3b\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"+`{"Name":"a","Failure":{"Slug":"no-such-slug","Detail":"?"}}`, -1)
	case "authority":
		o.Err = core.Forbidden.Errorf("you may not")
	case "json":
		raw("\x04\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00{...}", -1)
	case "kind":
		raw("\x02\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00{}", -1)
	case "header":
		raw("\x04\x00\x00\x00\xff\xff\xff\x7f\x00\x00\x00\x00\x00\x00\x00\x00", -1)
	case "noise":
		raw(strings.Repeat("\xff", 64), -1)
	case "stranger":
		raw("\x04\x01\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00{}", 0)
	case "bare":
		raw("\x04\x01\x00\x00\x02\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00{}", -1)
	case "chatty":
		for range 10_000 {
			fmt.Fprintln(os.Stderr, strings.Repeat("la", 1000))
		}
	}
}

// raw writes to the socket behind the back of the protocol, with a descriptor
// unless it is negative.
func raw(text string, fd int) {
	var rights []byte
	if fd >= 0 {
		rights = unix.UnixRights(fd)
	}
	for s := 3; s < 64; s++ {
		var st unix.Stat_t
		if unix.Fstat(s, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFSOCK {
			_ = unix.Sendmsg(s, []byte(text), rights, nil, 0)
		}
	}
}

const magic = "\x89PNG\r\n\x1a\n"

// picture is something that begins like a PNG and differs by name.
func picture(name string, size int) []byte {
	b := []byte(magic + name)
	for len(b) < size {
		b = append(b, byte(len(b)*len(b)>>3))
	}
	return b
}

// inside is what a child sees of the world.
type inside struct {
	Given, Env         []string // its environment when it started, and now
	Files              []uint64 // inodes of open regular files
	Open               []int    // descriptors
	Sockets            int
	Core, Nofile, Data uint64
	CPU, Fsize         uint64
	Dumpable           int
	Slack              int // ns that a timer may be late
	Settings           wire.Settings
}

func (a *actor) report() []byte {
	in := inside{Given: a.given, Env: os.Environ()}
	for fd := range 64 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) != nil {
			continue
		}
		in.Open = append(in.Open, fd)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			in.Files = append(in.Files, st.Ino)
		case unix.S_IFSOCK:
			in.Sockets++
		}
	}
	for resource, to := range map[int]*uint64{unix.RLIMIT_CORE: &in.Core, unix.RLIMIT_NOFILE: &in.Nofile, unix.RLIMIT_DATA: &in.Data, unix.RLIMIT_CPU: &in.CPU, unix.RLIMIT_FSIZE: &in.Fsize} {
		var l unix.Rlimit
		_ = unix.Getrlimit(resource, &l)
		*to = l.Max
	}
	in.Dumpable, _ = unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	in.Slack, _ = unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	b, _ := json.Marshal(in)
	return b
}

// open starts a pool of actors that is closed with the test.
func open(t *testing.T, change func(*vips.Config)) *vips.Pool {
	t.Helper()
	c := config()
	if change != nil {
		change(&c)
	}
	p, err := vips.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

func config() vips.Config {
	return vips.Config{
		Children: 1, OutputBytes: 8 << 20, RenderBytes: 1 << 60,
		Limits: core.Limits{MemoryBytes: memoryBytes, Pixels: 1 << 20, Frames: 100},
		Log:    slog.New(slog.DiscardHandler),
	}
}

// file is an original that tells the actor what to do.
func file(t testing.TB, word string, size int) *os.File {
	t.Helper()
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.WriteString(word + " " + strings.Repeat("x", max(0, size-len(word)-1))); err != nil {
		t.Fatal(err)
	}
	return f
}

func task(t testing.TB, word string, names ...string) ports.Task {
	t.Helper()
	f := file(t, word, 100)
	task := ports.Task{Source: f, Bytes: 100}
	for _, name := range names {
		spec, err := transform.Parse("w=10,h=10,anim=0,fmt=png")
		if err != nil {
			t.Fatal(err)
		}
		task.Variants = append(task.Variants, transform.Variant{Name: name, Spec: spec})
	}
	return task
}

// got is a rendition with its bytes.
type got struct {
	ports.Rendition
	body []byte
}

func render(ctx context.Context, p *vips.Pool, task ports.Task) ([]got, ports.Report, error) {
	var all []got
	report, err := p.Render(ctx, task, func(r ports.Rendition) error {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return err
			}
		}
		all = append(all, got{r, body})
		return nil
	})
	return all, report, err
}

// mustWork shows that the pool has got over what was before.
func mustWork(t *testing.T, p *vips.Pool) {
	t.Helper()
	all, _, err := render(t.Context(), p, task(t, "ok", "a"))
	if err != nil || len(all) != 1 || !bytes.Equal(all[0].body, picture("a", 100)) {
		t.Fatalf("the next render gave %d outputs and %v, want the picture", len(all), err)
	}
}

// eventually waits for something another process does.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in 10 s it did not come to pass that %s", what)
}
