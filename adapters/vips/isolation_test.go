package vips_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/adapters/vips"
	"imgd/adapters/vips/wire"
	"imgd/core"
)

func TestWhereIsolationIsRequiredALeakyChildIsRefused(t *testing.T) {
	tight := wire.Jail{Layers: []string{"landlock", "seccomp"}}
	for name, c := range map[string]struct {
		jail wire.Jail
		says string // "" when it may serve
	}{
		"a tight jail":      {tight, ""},
		"no jail":           {wire.Jail{}, "no layer is in force"},
		"a missing layer":   {wire.Jail{Layers: []string{"seccomp"}, Missing: []string{"landlock: this kernel has it not"}}, "landlock: this kernel has it not"},
		"an act that works": {wire.Jail{Layers: tight.Layers, Allowed: []string{"trace"}}, "a decoder can trace"},
	} {
		t.Run(name, func(t *testing.T) {
			err := vips.JudgeJail(vips.Config{Isolation: vips.IsolationRequire}, c.jail)
			if c.says == "" && err != nil {
				t.Errorf("got %v, want nil", err)
			}
			if c.says != "" && (!errors.Is(err, vips.ErrNotIsolated) || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("got %v, want that decoders are not isolated: %s", err, c.says)
			}
			if err := vips.JudgeJail(vips.Config{Isolation: vips.IsolationAuto}, c.jail); err != nil {
				t.Errorf("where it is not required: got %v, want nil", err)
			}
		})
	}
}

func TestAPoolThatIsLessIsolatedThanItCouldBeSaysSo(t *testing.T) {
	var said bytes.Buffer
	open(t, func(c *vips.Config) {
		c.Log = slog.New(slog.NewTextHandler(&said, nil))
		c.Args = []string{"leaky"}
	}).Close()
	if text := said.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "landlock: this kernel has it not") {
		t.Errorf("the log is %q, want a warning that names landlock", text)
	}
}

func TestAPoolThatHasToBeIsolatedDoesNotOpenWithoutIt(t *testing.T) {
	c := config()
	c.Args, c.Isolation = []string{"leaky"}, vips.IsolationRequire
	p, err := vips.Open(t.Context(), c)
	if err == nil {
		p.Close()
	}
	if !errors.Is(err, vips.ErrNotIsolated) || !strings.Contains(err.Error(), "landlock") {
		t.Errorf("got %v, want that decoders are not isolated for want of landlock", err)
	}
}

// I1: a child that dies of a fault costs the file it had, and nobody else.
func TestFaultsCostNobodyElseAnything(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Children = 3 })
	var good, bad sync.WaitGroup
	stop := make(chan struct{})
	work := func() error {
		_, _, err := render(t.Context(), p, task(t, "nap", "a"))
		return err
	}
	for range 3 {
		good.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					if err := work(); err != nil {
						t.Errorf("a good picture beside crashes: %v", err)
					}
				}
			}
		})
	}
	for _, word := range []string{"segv", "abort", "bus", "ill"} {
		bad.Go(func() {
			for range 3 {
				if _, _, err := render(t.Context(), p, task(t, word, "a")); core.SlugOf(err) != core.DecoderCrashed {
					t.Errorf("%s: got %v, want decoder-crashed", word, err)
				}
			}
		})
	}
	bad.Wait()
	close(stop)
	good.Wait()
	eventually(t, "all crashes are counted", func() bool { return p.Stats().Restarts.Crashed == 12 })
}

func TestAChildThatHoldsOnToMemoryIsReplacedAfterItsCall(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.IdleBytes, c.MaxIdle = 1, time.Hour })
	mustWork(t, p)
	eventually(t, "it is replaced", func() bool { return p.Stats().Restarts.Recycled == 1 })
}

// An allocator can keep what nobody has written to. It counts, all the same, for the
// limit of the next call.
func TestAChildThatKeepsWhatItHasNotWrittenToIsReplaced(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.IdleBytes, c.MaxIdle = 256<<20, time.Hour })
	mustWork(t, p)
	if n := p.Stats().Restarts.Recycled; n != 0 {
		t.Fatalf("a child that holds nothing was replaced %d times", n)
	}
	if _, err := p.Probe(t.Context(), file(t, "hoard", 100), 100); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is replaced", func() bool { return p.Stats().Restarts.Recycled == 1 })
}

func TestAdviceNamesOldLibrariesOnly(t *testing.T) {
	for _, c := range []struct {
		library, version string
		old              bool
	}{
		{"libvips", "8.14.1", true}, {"libvips", "8.17.2", true}, {"libvips", "8.17.3", false}, {"libvips", "8.18.0", false}, {"libvips", "9.0", false},
		{"libwebp", "1.2.4", true}, {"libwebp", "1.3.2", false}, {"libwebp", "1.10.0", false},
		{"dav1d", "1.0.0", true}, {"dav1d", "1.4.0-rc1", false}, {"libaom", "v3.9.0", true}, {"libaom", "v3.12.1", false},
		{"libde265", "1.0.11", true}, {"libde265", "1.0.15", false}, {"libheif", "1.17.5", true}, {"libheif", "1.19.8", false},
		{"libunheard", "0.0.1", false},
	} {
		advice := vips.Advise(map[string]string{c.library: c.version})
		if got := len(advice) == 1; got != c.old {
			t.Errorf("%s %s: got the advice %q, want some: %v", c.library, c.version, advice, c.old)
		}
		if c.old && !strings.HasPrefix(advice[0], c.library+" "+c.version+" is older than ") {
			t.Errorf("%s %s: the advice %q does not say which and by how much", c.library, c.version, advice[0])
		}
	}
}
