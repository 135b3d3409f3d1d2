package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"imgd/adapters/rest"
	"imgd/adapters/site"
	"imgd/adapters/telemetry"
)

type (
	serveCmd  struct{}
	apiCmd    struct{}
	workerCmd struct{}
)

// Run serves the API and works.
func (serveCmd) Run(ctx context.Context, s *Settings, a again, h hangups) error {
	return run(ctx, s, a, h, true, true)
}

// Run serves the API.
func (apiCmd) Run(ctx context.Context, s *Settings, a again, h hangups) error {
	return run(ctx, s, a, h, true, false)
}

// Run works.
func (workerCmd) Run(ctx context.Context, s *Settings, a again, h hangups) error {
	return run(ctx, s, a, h, false, true)
}

// run is the life of a process: it opens, serves and works until it is told to
// stop or a listener fails. Then it stops in this order: not ready, connections
// still taken for a while, requests drained, no new jobs, running jobs given what
// is left of the grace, leases given back, adapters closed.
func run(ctx context.Context, s *Settings, a again, h hangups, api, work bool) (err error) {
	p, err := open(ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.close()) }()
	traced, err := telemetry.Traces(ctx, p.log, version(), p.name, role(api, work))
	if err != nil {
		return fmt.Errorf("traces: %w; see the variables OTEL_EXPORTER_OTLP_*", err)
	}
	defer p.lastSpans(traced)
	if api {
		if err := errors.Join(p.presets.load(s), p.sharing.load(s), p.bounds.load(s, p.issuers != nil)); err != nil {
			return err
		}
	}
	w, err := p.web(api)
	if err != nil {
		return err
	}
	p.again = a
	defer p.rereading(ctx, api, h)()
	tasks := p.background(api, work)
	failed := w.serve()
	p.log.Info("imgd is up", "version", version(), "role", role(api, work), "listen", w.addresses(), "worker", p.name)
	if api {
		p.log.Info("pages for people", "dashboard", s.publicURL()+"/dashboard", "try", s.publicURL()+"/docs", "read", s.publicURL()+"/redoc")
	}
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	p.log.Info("stopping", "drain_delay", s.DrainDelay.String(), "grace", s.Grace.String())
	w.draining.Store(true)
	if api && err == nil {
		time.Sleep(time.Duration(s.DrainDelay)) // a second signal ends it too
	}
	deadline := time.Now().Add(time.Duration(s.Grace))
	err = errors.Join(err, w.drain(deadline))
	tasks.stop(deadline)
	p.log.Info("stopped")
	return err
}

// lastSpans sends what is left of the traces. A collector that is away does not make a
// stop fail.
func (p *parts) lastSpans(send func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := send(ctx); err != nil {
		p.log.Warn("the last spans could not be sent", "err", err)
	}
}

func role(api, work bool) string {
	switch {
	case api && work:
		return "serve"
	case api:
		return "api"
	}
	return "worker"
}

// web is the listeners of a process, and what answers on them: the API first, then
// the one for probes and scrapes, which is drained last.
type web struct {
	servers   []*http.Server
	listeners []net.Listener
	draining  atomic.Bool
	stopping  chan struct{}
	running   sync.WaitGroup
}

// web opens the listeners that the settings ask for.
func (p *parts) web(api bool) (*web, error) {
	w := &web{stopping: p.stopping}
	server := p.api()
	server.Draining = w.draining.Load
	if api {
		public := *server
		if p.settings.MetricsListen != "" {
			public.Metrics = nil
		}
		var err error
		if public.Pages, err = site.Pages(site.Dashboard); err != nil {
			return nil, err
		}
		h, err := public.Handler()
		if err != nil {
			return nil, err
		}
		if err := w.listen(p, "IMGD_LISTEN", p.settings.Listen, h); err != nil {
			return nil, err
		}
	}
	if p.settings.MetricsListen != "" {
		h, err := server.OpsHandler()
		if err != nil {
			return nil, err
		}
		if err := w.listen(p, "IMGD_METRICS_LISTEN", p.settings.MetricsListen, h); err != nil {
			return nil, errors.Join(err, w.close())
		}
	}
	return w, nil
}

func (w *web) listen(p *parts, variable, address string, h http.Handler) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("%s: %w", variable, err)
	}
	w.listeners = append(w.listeners, netutil.LimitListener(l, p.settings.MaxConns))
	w.servers = append(w.servers, &http.Server{
		Handler:           w.parting(h),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Duration(p.settings.RequestTime),
		WriteTimeout:      time.Duration(p.settings.RequestTime),
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    rest.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(p.log.Handler(), slog.LevelWarn),
	})
	return nil
}

// parting ends connections with an answer once the process is stopping. A caller who
// is told so looks for another process, and sends nothing into a connection that is
// being closed.
func (w *web) parting(h http.Handler) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, r *http.Request) {
		if w.draining.Load() {
			answer.Header().Set("Connection", "close")
		}
		h.ServeHTTP(answer, r)
	})
}

// serve answers on every listener; the channel tells of the first that fails.
func (w *web) serve() <-chan error {
	failed := make(chan error, len(w.servers))
	for i, s := range w.servers {
		w.running.Go(func() {
			if err := s.Serve(w.listeners[i]); !errors.Is(err, http.ErrServerClosed) {
				failed <- err
			}
		})
	}
	return failed
}

// drain lets go of those who wait, takes no more connections and waits for the
// requests under way. Probes are answered until the last of them is.
func (w *web) drain(deadline time.Time) error {
	close(w.stopping)
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	var errs []error
	for _, s := range w.servers {
		if err := s.Shutdown(ctx); err != nil {
			errs = append(errs, fmt.Errorf("some requests did not end in time: %w", err), s.Close())
		}
	}
	w.running.Wait()
	return errors.Join(errs...)
}

func (w *web) close() error {
	var errs []error
	for _, l := range w.listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

func (w *web) addresses() (list []string) {
	for _, l := range w.listeners {
		list = append(list, l.Addr().String())
	}
	return list
}

// tasks are what a process does in the background.
type tasks struct {
	stopDuties, stopJobs context.CancelFunc
	deadline             chan time.Time
	running              sync.WaitGroup
}

// background starts what a process of a role does beside answering: a worker runs
// jobs, with the duties that belong to it; all are in the register.
func (p *parts) background(api, work bool) *tasks {
	t := &tasks{deadline: make(chan time.Time, 1)}
	var jobs, duties context.Context
	jobs, t.stopJobs = context.WithCancel(context.Background())
	duties, t.stopDuties = context.WithCancel(context.Background())
	slots := 0
	if work {
		slots = p.settings.workers()
		p.work(t, jobs, duties)
	} else {
		t.running.Go(func() { <-jobs.Done(); t.stopDuties() })
	}
	if api {
		t.running.Go(func() { p.trail.Run(duties) })
	}
	for _, b := range p.breakers {
		t.running.Go(func() { b.Run(duties) })
	}
	registrar := p.registrar(role(api, work), slots)
	t.running.Go(func() { registrar.Run(duties) })
	return t
}

// work starts the loop that runs jobs, and the duties beside it.
func (p *parts) work(t *tasks, jobs, duties context.Context) {
	service := p.process()
	w, reaper, keeper := p.worker(service), p.reaper(), p.keeper
	w.Grace = func() time.Duration { return time.Until(<-t.deadline) }
	t.running.Go(func() { w.Run(jobs); t.stopDuties() })
	t.running.Go(func() { reaper.Run(duties) })
	t.running.Go(func() { keeper.Run(duties) })
	t.running.Go(func() { service.Listen(duties) })
}

// stop takes no new jobs and waits until the running ones have ended or, at the
// deadline, been given back.
func (t *tasks) stop(deadline time.Time) {
	t.deadline <- deadline
	t.stopJobs()
	t.running.Wait()
}
