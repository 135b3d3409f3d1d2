package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/vips/engine"
	"imgd/core/ingest"
)

type rerenderCmd struct {
	Preset string `required:"" placeholder:"NAME" help:"What every image is to have: a preset of IMGD_PRESETS, or the built-in default. Variants of other names stay."`
	Bucket string `placeholder:"GLOB" help:"Only images of these buckets, such as holiday, holiday-* or holiday/*. Empty: of every bucket."`
	Tenant string `placeholder:"NAME" help:"Only images of this tenant. Empty: of every tenant."`
	Older  bool   `name:"older-renderer" help:"Also make anew what another version of the renderer has made."`
	Rate   Rate   `default:"50/s" placeholder:"N/s" help:"How many jobs are queued in a second (or N/m, N/h). 0: as many as the database takes."`
	DryRun bool   `name:"dry-run" help:"Count, and queue nothing."`
}

// Run queues a job for every stored image that is not as the preset has it. Workers
// run them when nothing else is due.
func (c rerenderCmd) Run(ctx context.Context, s *Settings) error {
	return c.renew(ctx, s, os.Stdout, term.IsTerminal(int(os.Stdout.Fd())))
}

func (c rerenderCmd) renew(ctx context.Context, s *Settings, w io.Writer, live bool) (err error) {
	if err := mistaken(s.Check()); err != nil {
		return err
	}
	all, err := s.presets()
	if err != nil {
		return err
	}
	list, err := all.Find(c.Preset)
	if err != nil {
		return plain(err)
	}
	if err := s.databaseIsThere(); err != nil {
		return err
	}
	name, db, err := openRecords(ctx, s)
	if err != nil {
		return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate.Require(ctx, name, db.SQL()); err != nil {
		return err
	}
	images := records.Images{DB: db}
	pace, told := pace{every: c.Rate.interval()}, progress{w: w, live: live, next: time.Now().Add(10 * time.Second)}
	r := ingest.Rerender{
		Images: images, Tenants: images, Control: records.JobControl{DB: db}, Renderer: engine.Renderer,
		NewID: newID, Now: time.Now, Pace: pace.wait, Tell: told.tell,
	}
	want := ingest.Renewal{Variants: list, Tenant: c.Tenant, Bucket: c.Bucket, Older: c.Older, DryRun: c.DryRun, CorrelationID: string(newID())}
	t, err := r.Run(ctx, want)
	told.clear()
	c.sum(w, t, want.CorrelationID)
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted; another run goes on from here")
	case err != nil:
		return fmt.Errorf("not all images were seen; another run goes on from here: %w", plain(err))
	}
	return nil
}

// sum prints what became of all images that were seen.
func (c rerenderCmd) sum(w io.Writer, t ingest.Tally, correlation string) {
	queued := fmt.Sprintf("a job is queued, with the correlation id %s", correlation)
	if c.DryRun {
		queued = "a job would be queued"
	}
	for _, line := range []struct {
		n    int64
		what string
	}{
		{t.Queued, queued}, {t.Current, "up to date"}, {t.Busy, "a job is under way; look again when it is over"},
		{t.Tried, "the preset was tried, and some of it cannot be made: their last jobs say why"}, {t.Failed, "nothing can be made of them"},
	} {
		fmt.Fprintf(w, "%9d  %s\n", line.n, line.what)
	}
	fmt.Fprintf(w, "%9d  images in all\n", t.Seen)
}

// progress tells how far a run has come: a terminal all the time, a file now and then.
type progress struct {
	w    io.Writer
	live bool
	next time.Time
}

func (p *progress) tell(t ingest.Tally) {
	line := fmt.Sprintf("%d images seen, %d jobs queued, %d up to date", t.Seen, t.Queued, t.Current)
	switch {
	case p.live:
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	case time.Now().After(p.next):
		p.next = time.Now().Add(10 * time.Second)
		fmt.Fprintln(p.w, line)
	}
}

// clear takes the line of a terminal away.
func (p *progress) clear() {
	if p.live {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}

// pace lets one thing happen in every interval, and makes up for no time that was lost.
type pace struct {
	every time.Duration
	next  time.Time
}

func (p *pace) wait(ctx context.Context) error {
	until := time.Until(p.next)
	p.next = time.Now().Add(max(until, 0) + p.every)
	if until <= 0 {
		return ctx.Err()
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(until):
		return nil
	}
}

// Rate is so many in a span of time, written N/s, N/m or N/h; 0 has no bound.
type Rate struct {
	n   int64
	per time.Duration
}

// UnmarshalText reads a rate.
func (r *Rate) UnmarshalText(text []byte) error {
	number, unit, _ := strings.Cut(string(text), "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > 1_000_000 || per == 0 && (unit != "" || n != 0) {
		return fmt.Errorf("%q is no rate; write 50/s, 600/m or 1000/h, or 0 for no bound", text)
	}
	*r = Rate{n, per}
	return nil
}

// interval is the time from one to the next.
func (r Rate) interval() time.Duration {
	if r.n == 0 {
		return 0
	}
	return r.per / time.Duration(r.n)
}
