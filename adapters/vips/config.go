package vips

import (
	"encoding/json"
	"log/slog"
	"os"
	"runtime"
	"time"

	"imgd/adapters/vips/weight"
	"imgd/adapters/vips/wire"
	"imgd/core"
)

// Config says how many children decode, what they may use and how long they may
// take. The zero value of a field is its default.
type Config struct {
	// Children is how many renders go on at once; one process more is kept warm.
	// The default is one for each core, fewer where there is not the memory.
	Children int
	// Executable and Args start a child: this binary, with "decode".
	Executable string
	Args       []string
	// Env are further variables of a child as name=value, such as
	// LD_LIBRARY_PATH. It gets none of this process's.
	Env []string
	Log *slog.Logger // hears what children write to their standard error

	// Limits are what one file may cost; MemoryBytes is what a child may (1 GiB).
	Limits     core.Limits
	FailOn     string
	FirstFrame bool     // of an animation with too many, instead of refusing it
	Formats    []string // that are read
	Auto       []string // of which fmt=auto takes the smallest
	KeepGPS    bool     // whether facts may tell where a picture was taken
	Careful    bool     // whether every variant is drawn from the whole page, in one resize
	// Can says which values of which keys the engine does: engine.Can. Without it
	// Check lets everything pass.
	Can func(key, value string) bool

	// RenderBytes is what all renders that go on at once may be predicted to take: three
	// quarters of the memory there is, and no less than one decoder may use.
	RenderBytes int64

	ProbeTimeout  time.Duration // 10 s
	RenderTimeout time.Duration // 2 min
	SVGTimeout    time.Duration // 2 s, for each variant of an SVG
	// Isolation says whether children lock themselves up: auto, require (and there
	// are none that cannot) or off. The default is auto.
	Isolation string
	// Malloc is the allocator children get: auto (jemalloc where the system has
	// it), the path of a library to be preloaded, or off. The default is auto.
	Malloc string

	// OutputBytes is the most one variant may have (512 MiB).
	OutputBytes int64
	// A child is replaced after RecycleAfter renders (500) or probesPerRender times
	// as many probes, when it holds more than IdleBytes of memory after a call
	// (256 MiB), has computed for an hour in all, or has worked and then been idle
	// for MaxIdle (10 min).
	RecycleAfter int
	MaxIdle      time.Duration
	IdleBytes    int64
}

// prime is how long a child may have computed before it is replaced.
const prime = time.Hour

// threads is a bound of how many of a child's threads compute at once.
const threads = 8

// lifetime is how long a child can compute in all before the system ends it: what it
// may have done when its last call begins, and what that may take.
func (c Config) lifetime() time.Duration { return prime + threads*c.RenderTimeout }

// How children are isolated.
const (
	IsolationAuto    = "auto"
	IsolationRequire = "require"
	IsolationOff     = "off"
)

func (c Config) withDefaults() Config {
	orDefault(&c.Limits.MemoryBytes, 1<<30)
	orDefault(&c.RenderBytes, max(memory()/4*3, weight.Whole(c.Limits.MemoryBytes)))
	orDefault(&c.Children, max(1, min(runtime.GOMAXPROCS(0), int(memory()/c.Limits.MemoryBytes))))
	orDefault(&c.Executable, self())
	orDefault(&c.Log, slog.Default())
	orDefault(&c.Isolation, IsolationAuto)
	orDefault(&c.Malloc, "auto")
	orDefault(&c.ProbeTimeout, 10*time.Second)
	orDefault(&c.RenderTimeout, 2*time.Minute)
	orDefault(&c.SVGTimeout, 2*time.Second)
	orDefault(&c.Limits.Time, c.RenderTimeout)
	orDefault(&c.OutputBytes, 512<<20)
	orDefault(&c.RecycleAfter, 500)
	orDefault(&c.MaxIdle, 10*time.Minute)
	orDefault(&c.IdleBytes, 256<<20)
	if c.Args == nil {
		c.Args = []string{"decode"}
	}
	return c
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// environment is all a child knows of the world.
func (c Config) environment() ([]string, error) {
	settings, err := json.Marshal(wire.Settings{
		Limits: c.Limits, FailOn: c.FailOn, FirstFrame: c.FirstFrame, Formats: c.Formats, Auto: c.Auto, KeepGPS: c.KeepGPS, Careful: c.Careful,
		Isolated: c.Isolation != IsolationOff, Lifetime: c.lifetime(),
		Written: 2 * c.OutputBytes, // what is too large is for this side to refuse
	})
	if err != nil {
		return nil, err
	}
	env := []string{
		wire.Variable + "=" + string(settings),
		"VIPS_BLOCK_UNTRUSTED=1",
	}
	if lib := c.allocator(); lib != "" {
		// The C library's own allocator keeps what decoding has used: hundreds of
		// megabytes where jemalloc, told to hurry, keeps some ten. What is not used is
		// unmapped, since the limit counts what could be written to (RLIMIT_DATA).
		env = append(env, "LD_PRELOAD="+lib,
			"MALLOC_CONF=background_thread:true,max_background_threads:1,dirty_decay_ms:500,muzzy_decay_ms:0,retain:false")
	}
	return append(env, c.Env...), nil
}

// allocator is the library that replaces the C library's own, or "".
func (c Config) allocator() string {
	switch c.Malloc {
	case "auto":
		return jemalloc()
	case "off":
		return ""
	}
	return c.Malloc
}

// jemalloc is where the system has it, or "".
func jemalloc() string {
	triple := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[runtime.GOARCH]
	for _, dir := range []string{"/usr/local/lib/", "/usr/lib/" + triple + "/", "/usr/lib64/", "/usr/lib/"} {
		if lib := dir + "libjemalloc.so.2"; exists(lib) {
			return lib
		}
	}
	return ""
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
