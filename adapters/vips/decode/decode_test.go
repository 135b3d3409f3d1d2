package decode_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/adapters/vips/decode"
	"imgd/adapters/vips/decode/jail"
	"imgd/core"
	"imgd/core/transform"
	"imgd/e2e/scene"
	"imgd/ports"
)

// The test binary is its own decoder, a real one; "escape" tries what a decoder
// must not be able to do without being locked up.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "decode":
			if err := decode.Main(func(e decode.Engine) decode.Engine { return e }); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "plain":
			if err := plain(os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		case "escape":
			fmt.Print(strings.Join(jail.Attempt(jail.Acts()), "\n"))
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// open is a pool of real decoders that have to be locked up.
func open(t *testing.T, change func(*vips.Config)) *vips.Pool {
	t.Helper()
	c := vips.Config{
		Children: 1, Isolation: vips.IsolationRequire, Log: slog.New(slog.DiscardHandler),
		Limits: core.Limits{MemoryBytes: 1 << 30, Pixels: 268e6, Side: 65500, Frames: 100},
	}
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

// slope is a picture with a slope in it.
func slope(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / w), uint8(y * 255 / h), 90, 255})
		}
	}
	return m
}

func encoded(t testing.TB, m image.Image, format string) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	switch format {
	case "png":
		err = png.Encode(&b, m)
	case "jpeg":
		err = jpeg.Encode(&b, m, nil)
	case "gif":
		err = gif.Encode(&b, m, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// moving is an animation of three colours.
func moving(t testing.TB) []byte {
	t.Helper()
	var g gif.GIF
	for _, c := range []color.Color{color.NRGBA{255, 0, 0, 255}, color.NRGBA{0, 255, 0, 255}, color.NRGBA{0, 0, 255, 255}} {
		m := image.NewPaletted(image.Rect(0, 0, 40, 30), color.Palette{c})
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

type output struct {
	ports.Rendition
	body []byte
}

func render(ctx context.Context, t testing.TB, p *vips.Pool, source []byte, specs ...string) ([]output, error) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "original")
	if err := os.WriteFile(name, source, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	task := ports.Task{Source: f, Bytes: int64(len(source)), Facts: true}
	for i, text := range specs {
		spec, err := transform.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		task.Variants = append(task.Variants, transform.Variant{Name: fmt.Sprintf("v%d", i), Spec: spec})
	}
	var all []output
	_, err = p.Render(ctx, task, func(r ports.Rendition) error {
		var body []byte
		if r.Body != nil {
			var err error
			if body, err = io.ReadAll(r.Body); err != nil {
				return err
			}
		}
		all = append(all, output{r, body})
		return nil
	})
	return all, err
}

// near reads a PNG and compares its middle.
func near(t testing.TB, what string, file []byte, want color.NRGBA) {
	t.Helper()
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	got := color.NRGBAModel.Convert(m.At(m.Bounds().Dx()/2, m.Bounds().Dy()/2)).(color.NRGBA)
	for i, d := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
		if d < -12 || d > 12 {
			t.Errorf("%s: channel %d of the middle is off by %d: got %v, want %v", what, i, d, got, want)
		}
	}
}

// I4: all engines, all threads, all formats work inside the jail, and nothing else.
func TestEveryFormatIsReadAndWrittenInTheJail(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Formats = []string{"jpeg", "png", "webp", "gif", "avif", "tiff", "jxl"} })
	if got := p.Capabilities().Isolation; got != "process, landlock, seccomp" {
		t.Fatalf("isolation: got %q, want process, landlock, seccomp", got)
	}
	middle := color.NRGBA{127, 127, 90, 255}
	sources := map[string][]byte{}
	for _, format := range []string{"png", "jpeg", "gif"} {
		sources[format] = encoded(t, slope(320, 240), format)
	}
	for _, format := range p.Capabilities().Write {
		all, err := render(t.Context(), t, p, sources["png"], "w=320,fmt="+format)
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatalf("writing %s: got %d outputs, %v", format, len(all), err)
		}
		sources["our "+format] = all[0].body
	}
	if sources["our avif"] == nil || sources["our webp"] == nil || sources["our tiff"] == nil {
		t.Errorf("only %v can be written", p.Capabilities().Write)
	}
	for name, source := range sources {
		all, err := render(t.Context(), t, p, source, "w=160,fmt=png", "w=100,h=100,fit=cover,fmt=png,rot=90")
		if err != nil || len(all) != 2 || all[0].Err != nil || all[1].Err != nil {
			t.Errorf("reading %s: got %d outputs, %v", name, len(all), err)
			continue
		}
		if name != "gif" && name != "our gif" { // their colours are few
			near(t, name, all[0].body, middle)
		}
	}
	all, err := render(t.Context(), t, p, moving(t), "anim=1,fmt=webp", "anim=1,fmt=gif")
	if err != nil || len(all) != 2 || all[0].Pages != 3 || all[1].Pages != 3 {
		t.Errorf("an animation: got %d outputs, %v, want two of three frames", len(all), err)
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}

// The libraries behind SVG and PDF read files when they are first used; in the jail
// none can be opened, now or after they believe that it is time to look again.
func TestVectorsAreDrawnInTheJail(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Formats = []string{"png", "svg", "pdf"} })
	if got := p.Capabilities().Read; !slices.Equal(got, []string{"png", "svg", "pdf"}) {
		t.Fatalf("formats read: got %v, want png, svg and pdf", got)
	}
	green := image.NewNRGBA(image.Rect(0, 0, 4, 4))
	for i := range 16 {
		green.SetNRGBA(i%4, i/4, color.NRGBA{0, 255, 0, 255})
	}
	uri := func(format string) string {
		return "data:image/" + format + ";base64," + base64.StdEncoding.EncodeToString(encoded(t, green, format))
	}
	svg := func(body string) []byte {
		return []byte(`<svg xmlns="http://www.w3.org/2000/svg" width="80" height="60">` + body + `</svg>`)
	}
	words := scene.Page{Width: 80, Height: 60, Content: "0 1 0 rg 0 0 80 60 re f 0 g BT /F1 12 Tf 2 2 Td (words) Tj ET"}
	for round := range 2 {
		if round == 1 {
			time.Sleep(6 * time.Second) // the database of types is looked after every five
		}
		for name, source := range map[string][]byte{
			"a shape":            svg(`<rect width="80" height="60" fill="#0f0"/>`),
			"a gradient":         svg(`<linearGradient id="g"><stop stop-color="#0f0"/></linearGradient><rect width="80" height="60" fill="url(#g)"/>`),
			"a filter":           svg(`<filter id="f"><feGaussianBlur stdDeviation="2"/></filter><rect x="-50" y="-50" width="200" height="200" fill="#0f0" filter="url(#f)"/>`),
			"a PNG in it":        svg(`<image width="80" height="60" preserveAspectRatio="none" href="` + uri("png") + `"/>`),
			"a JPEG in it":       svg(`<image width="80" height="60" preserveAspectRatio="none" href="` + uri("jpeg") + `"/>`),
			"words":              svg(`<rect width="80" height="60" fill="#0f0"/><text y="30">words</text>`),
			"a PDF":              scene.PDF("", scene.Filled(80, 60, 0, 1, 0)),
			"a PDF with words":   scene.PDF("", words),
			"a PDF with scripts": scene.PDF("/OpenAction<</S/JavaScript/JS(app.launchURL\\(\\))>>", scene.Filled(80, 60, 0, 1, 0)),
		} {
			all, err := render(t.Context(), t, p, source, "fmt=png", "w=300,fit=contain,up=1,fmt=png", "w=20,fmt=png")
			if err != nil || len(all) != 3 {
				t.Errorf("%s: got %d outputs, %v, want three", name, len(all), err)
				continue
			}
			for _, o := range all {
				if o.Err != nil {
					t.Errorf("%s: %v", name, o.Err)
					continue
				}
				near(t, name, o.body, color.NRGBA{0, 255, 0, 255})
			}
		}
	}
	if r := p.Stats().Restarts; r != (vips.Restarts{}) {
		t.Errorf("restarts: got %+v, want none", r)
	}
}

func TestALargePictureNeedsNoFile(t *testing.T) {
	p := open(t, nil)
	all, err := render(t.Context(), t, p, encoded(t, image.NewGray(image.Rect(0, 0, 7000, 6500)), "png"), "rot=90,fmt=tiff", "w=200,fmt=png")
	if err != nil || len(all) != 2 {
		t.Fatalf("got %d outputs, %v, want two", len(all), err)
	}
	for _, o := range all {
		if o.Err != nil {
			t.Errorf("%s: %v", o.Name, o.Err)
		}
	}
}

func TestWithoutAJailTheActsSucceed(t *testing.T) {
	out := outside(t)
	for _, act := range []string{"read a file", "list a directory", "create a file", "connect by TCP", "send by UDP", "make a Unix socket", "signal its parent", "run a program from memory"} {
		if !slices.Contains(out, act) {
			t.Errorf("outside a jail a process cannot %s: the attempts prove nothing (%q)", act, out)
		}
	}
}

// I6: a mistake in the memory of a decoder would show one picture in another, or what
// was never written. The one is all of the byte that the allocators, told so, fill
// memory with; what is left open of damaged ones is looked at for it.
func TestNothingOfAPictureIsSeenInTheNext(t *testing.T) {
	const junk = 0xa5
	leaked := color.NRGBA{junk, junk, junk, 0xff}
	p := open(t, func(c *vips.Config) {
		c.FailOn = "none"
		c.Env = []string{"MALLOC_CONF=junk:alloc", fmt.Sprintf("MALLOC_PERTURB_=%d", 0xff^junk)}
	})
	const side = 400
	secret, none := image.NewNRGBA(image.Rect(0, 0, side, side)), image.NewNRGBA(image.Rect(0, 0, side, side))
	for i := range secret.Pix {
		secret.Pix[i] = junk | byte(i%4/3*0xff)
		none.Pix[i] = []byte{0xc0, 0, 0xc0, 0xff}[i%4] | byte(i*i>>7)&0x3f // much to encode, nothing of it grey
	}
	file := encoded(t, secret, "png")
	looked := 0
	for round := range 6 {
		all, err := render(t.Context(), t, p, file, "fmt=png", "fmt=webp", "w=200,fmt=png", "fmt=jpeg")
		if err != nil {
			t.Fatal(err)
		}
		if n := count(decoded(t, all), leaked); n != side*side+side*side/4 {
			t.Fatalf("the control has %d pixels of the secret, want all: it could not be found", n)
		}
		format := []string{"png", "jpeg", "gif"}[round%3]
		damaged := encoded(t, none, format)
		all, err = render(t.Context(), t, p, damaged[:len(damaged)/2], "fmt=png", "w=400,h=450,fit=pad,fmt=png", "rot=90,fmt=png")
		if err != nil {
			continue // refused: nothing to see
		}
		pictures := decoded(t, all)
		looked += len(pictures)
		if n := count(pictures, leaked); n > 16 {
			t.Errorf("%d pixels of another picture, or of nothing, are in half a %s", n, format)
		}
	}
	if looked == 0 {
		t.Error("no damaged picture was rendered: nothing was looked at")
	}
	t.Logf("%d damaged pictures were looked at", looked)
}

// decoded are the PNGs among outputs.
func decoded(t *testing.T, all []output) (pictures []image.Image) {
	t.Helper()
	for _, o := range all {
		if o.Err != nil || o.Ext != "png" {
			continue
		}
		m, err := png.Decode(bytes.NewReader(o.body))
		if err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, m)
	}
	return pictures
}

// count is how many pixels of a colour are in pictures.
func count(pictures []image.Image, c color.NRGBA) (n int) {
	for _, m := range pictures {
		for y := m.Bounds().Min.Y; y < m.Bounds().Max.Y; y++ {
			for x := m.Bounds().Min.X; x < m.Bounds().Max.X; x++ {
				if color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA) == c {
					n++
				}
			}
		}
	}
	return n
}

func TestTheAllocatorIsWhatWasAskedFor(t *testing.T) {
	off := open(t, func(c *vips.Config) { c.Malloc = "off" })
	if v := off.Versions()["jemalloc"]; v != "" {
		t.Errorf("with off: got jemalloc %s, want the C library's", v)
	}
	if v := off.Versions()["libvips"]; v == "" {
		t.Error("the decoders do not say which libvips they have")
	}
}

func waits(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("in 10 s it did not come to pass that %s", what)
}
