package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/term"

	"imgd/adapters/authzen"
	"imgd/adapters/memory"
	"imgd/adapters/records"
	"imgd/adapters/resilience"
	"imgd/adapters/rest"
	"imgd/adapters/telemetry"
	"imgd/adapters/vips"
	"imgd/adapters/vips/decode"
	"imgd/adapters/vips/engine"
	"imgd/adapters/worker"
	"imgd/core"
	"imgd/core/deliver"
	"imgd/core/ingest"
	"imgd/core/library"
	"imgd/core/process"
	"imgd/ports"
)

// parts are the adapters one process has open. Whoever opened them closes them.
type parts struct {
	settings *Settings
	again    again // nil where settings are read once
	log      *slog.Logger
	level    slog.LevelVar // of log
	metrics  *telemetry.Metrics
	db       *records.DB
	store    *store
	hints    *hints
	tokens   ports.Tokens // nil while authentication is off
	issuers  *authority   // behind tokens
	pool     *vips.Pool
	breakers []*resilience.Breaker
	gate     *ingest.Gate

	storeAway func() bool         // nil where the store is at hand
	decisions *resilience.Breaker // of policy; nil where nobody else is asked

	keeper     *worker.Housekeeper
	presets    presetFile
	sharing    sharing
	bounds     bounds
	policy     ports.Policy                // nil where nobody else is asked
	policyPing func(context.Context) error // of whoever is
	point      *authzen.Policy             // behind policy
	trail      *memory.Refusals
	name       string // of this process, in the rows it claims
	stopping   chan struct{}
}

// open introduces the adapters to each other.
func open(ctx context.Context, s *Settings) (p *parts, err error) {
	if err := mistaken(s.Check()); err != nil {
		return nil, err
	}
	p = &parts{settings: s, metrics: telemetry.NewMetrics(), name: processName(), stopping: make(chan struct{})}
	p.log = newLog(s, &p.level)
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	if err = p.openDatabase(ctx); err != nil {
		return p, err
	}
	if p.store, err = openStore(ctx, s); err != nil {
		return p, fmt.Errorf("IMGD_STORAGE_URL: %w", err)
	}
	p.guard()
	if p.hints, err = openHints(ctx, s); err != nil {
		return p, fmt.Errorf("IMGD_REDIS_URL: %w", err)
	}
	p.hints.Queue, p.hints.Cancels = &telemetry.Queue{Queue: p.hints.Queue, Metrics: p.metrics}, &telemetry.Cancels{Cancels: p.hints.Cancels, Metrics: p.metrics}
	if p.pool, err = openPool(ctx, s, p.log); err != nil {
		return p, err
	}
	if s.asks() {
		p.issuers = &authority{log: p.log}
		if err = p.issuers.load(s); err != nil {
			return p, err
		}
		p.tokens = p.issuers
	}
	if p.policy, err = p.openPolicy(s); err != nil {
		return p, err
	}
	p.trail = p.openTrail()
	p.gate = p.openGate()
	p.keeper = p.housekeeper()
	p.measure()
	return p, nil
}

// openPool starts the decoders.
func openPool(ctx context.Context, s *Settings, log *slog.Logger) (*vips.Pool, error) {
	pool, err := vips.Open(ctx, vips.Config{
		Isolation: s.Isolation, Malloc: s.DecoderMalloc, IdleBytes: int64(s.DecoderRSS),
		Children: s.Decoders, RenderBytes: int64(s.RenderMem), Log: log, Can: engine.Can, Formats: s.Formats, Auto: s.Auto, KeepGPS: s.KeepGPS, Careful: s.Careful,
		Limits: core.Limits{
			UploadBytes: int64(s.MaxUpload), Pixels: s.MaxPixels, Side: s.MaxSide, Frames: s.MaxFrames, MemoryBytes: int64(s.DecoderMem),
		},
		FailOn: s.FailOn, FirstFrame: s.Overflow == "first-frame",
		ProbeTimeout: time.Duration(s.ProbeTime), RenderTimeout: time.Duration(s.RenderTime), SVGTimeout: time.Duration(s.SVGTime),
	})
	if errors.Is(err, vips.ErrNotIsolated) {
		err = fmt.Errorf("IMGD_ISOLATION is require: %w; let the container have Landlock and seccomp, or set it to auto", err)
	}
	return pool, err
}

// close gives everything back, the last opened first.
func (p *parts) close() error {
	var errs []error
	if p.pool != nil {
		p.pool.Close()
	}
	p.issuers.close()
	if p.point != nil {
		p.point.Close()
	}
	errs = append(errs, p.hints.close())
	if p.store != nil {
		errs = append(errs, p.store.Close())
	}
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	return errors.Join(errs...)
}

// api is the HTTP side over the use cases.
func (p *parts) api() *rest.Server {
	images, control := records.Images{DB: p.db}, records.JobControl{DB: p.db}
	proxies, _ := p.settings.proxies() // Check has looked
	return &rest.Server{
		Ingest: &ingest.Service{
			Images: mutateImages(images), Control: control, Answers: records.Idempotency{DB: p.db}, Blobs: p.store.asked, Queue: p.hints, Render: p.renderer(), Spool: p.store.spool,
			Gate: p.gate, Quotas: p.quotas(), Policy: p.policy, Presets: p.presets.now, MaxBytes: int64(p.settings.MaxUpload), NewID: newID, Now: time.Now,
		},
		Library: &library.Service{
			Images: images, Tombstones: images, Jobs: control, Events: p.trail, Stats: records.Stats{DB: p.db}, Queue: p.hints, Cancels: p.hints,
			Quotas: p.quotas(), Policy: p.policy, Grace: time.Duration(p.settings.BlobGrace), Look: 20 * time.Millisecond, Stopping: p.stopping,
		},
		Deliver: &deliver.Service{
			Images: images, Tenants: images, Blobs: p.store.asked, Links: p.store.links, RedirectTime: time.Duration(p.settings.RedirectTime), Policy: p.policy,
			Keys: p.sharing.linkKeys, Public: p.sharing.publicBuckets, Now: time.Now,
		},
		Capabilities:   p.pool.Capabilities,
		Tokens:         p.tokens,
		Rates:          p.bounds.now,
		Limits:         p.limits(),
		PublicURL:      p.settings.publicURL(),
		TrustedProxies: proxies,
		Origins:        p.settings.Origins,
		Hosts:          p.settings.Hosts,
		BodyIdle:       time.Duration(p.settings.BodyIdle),
		NewID:          func() string { return string(newID()) },
		Checks:         p.checks(),
		Breakers:       p.states,
		Admission:      p.gate.State,
		Build:          rest.Build{Version: version(), Revision: revision()},
		Metrics:        p.metrics.Handler(),
		Observe:        p.metrics.Request,
		Trace:          telemetry.Request,
		Timing:         telemetry.Timing,
		Log:            p.log,
	}
}

// renderer is the decoders, timed.
func (p *parts) renderer() ports.Renderer {
	return &telemetry.Renderer{Renderer: mutateRender(p.pool), Metrics: p.metrics}
}

// jobs is the worker's side of the database, counted.
func (p *parts) jobs() ports.Jobs {
	return &telemetry.Jobs{Jobs: mutate(p, records.Jobs{DB: p.db}), Metrics: p.metrics}
}

// These are replaced in builds that tests make: to see that they can fail, or to
// stop at a named point.
var (
	mutate       = func(_ *parts, jobs ports.Jobs) ports.Jobs { return jobs }
	mutateImages = func(images ports.Images) ports.Images { return images }
	mutateBlobs  = func(blobs ports.Blobs) ports.Blobs { return blobs }
	mutateRender = func(r ports.Renderer) ports.Renderer { return r }
	mutateEngine = func(e decode.Engine) decode.Engine { return e } // in a decoder
)

// process runs single jobs.
func (p *parts) process() *process.Service {
	return &process.Service{
		Jobs: p.jobs(), Images: records.Images{DB: p.db}, Blobs: p.store, Render: p.renderer(), Spool: p.store.spool, Cancels: p.hints, Worker: p.name,
		Lease: time.Duration(p.settings.Lease), PublishAfter: 150 * time.Millisecond, Sweeps: records.Housekeeping{DB: p.db}, Watch: telemetry.Attempt, Log: p.log,
	}
}

// worker is the loop that runs jobs.
func (p *parts) worker(runner worker.Runner) *worker.Worker {
	return &worker.Worker{
		Runner: runner, Queue: p.hints, Slots: p.settings.workers(), Poll: time.Duration(p.settings.Poll), Hold: p.hold, Log: p.log,
	}
}

func (p *parts) reaper() *worker.Reaper {
	return &worker.Reaper{Jobs: p.jobs(), Queue: p.hints, Every: time.Duration(p.settings.Lease) / 3, Log: p.log}
}

func (p *parts) housekeeper() *worker.Housekeeper {
	return &worker.Housekeeper{
		Rows: records.Housekeeping{DB: p.db}, Blobs: p.store, Worker: p.name, NewID: newID, Log: p.log, CleanStaging: p.store.staging,
		Sweep: 5 * time.Second, Orphans: time.Duration(p.settings.OrphanScan), Age: p.settings.recording(), Grace: time.Duration(p.settings.BlobGrace),
		Jobs: time.Duration(p.settings.JobRetention), Events: time.Duration(p.settings.EventRetention),
	}
}

// registrar tells the deployment of this process.
func (p *parts) registrar(role string, slots int) *worker.Registrar {
	host, _ := os.Hostname() // the name says it too
	return &worker.Registrar{
		Workers: records.Workers{DB: p.db}, Log: p.log,
		Self: core.Worker{ID: p.name, Host: host, Role: role, Version: version(), Slots: int64(slots)},
	}
}

func newID() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }

// processName tells workers apart in rows and logs.
func processName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s-%d-%s", host, os.Getpid(), newID()[24:])
}

// newLog writes what is of level or above, which starts as the settings have it.
func newLog(s *Settings, level *slog.LevelVar) *slog.Logger {
	level.Set(s.level())
	text := s.LogFormat == "text" || s.LogFormat == "auto" && term.IsTerminal(int(os.Stderr.Fd()))
	return telemetry.NewLog(os.Stderr, text, level, rest.CorrelationID)
}

func (s *Settings) level() (level slog.Level) {
	_ = level.UnmarshalText([]byte(strings.ToUpper(s.LogLevel))) // the flag takes no other
	return level
}
