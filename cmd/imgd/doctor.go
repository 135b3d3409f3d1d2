package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/worker"
)

type doctorCmd struct {
	Digests bool `help:"Read every object and compare its bytes with what its row says."`
	Fix     bool `help:"Remove orphans now rather than after the grace, and what is half-written rather than at the next scan. What deleted images left keeps its grace."`
	Yes     bool `help:"Remove them although they are more than a tenth of the objects."`
	Accept  bool `help:"Say that the database and the store belong together, after a backup was restored."`
	JSON    bool `name:"json" help:"Print JSON."`
	Age     Span `default:"0" placeholder:"SPAN" help:"Younger objects may belong to an upload that is not yet recorded, and are no orphans; younger uploads may still grow. 0: two hours and IMGD_REQUEST_TIME."`
}

// Run compares the database with the store, and fails when something is wrong.
func (c doctorCmd) Run(ctx context.Context, s *Settings) error { return c.look(ctx, s, os.Stdout) }

func (c doctorCmd) look(ctx context.Context, s *Settings, w io.Writer) (err error) {
	if err := mistaken(s.Check()); err != nil {
		return err
	}
	if err := s.databaseIsThere(); err != nil {
		return err
	}
	engine, db, err := openRecords(ctx, s)
	if err != nil {
		return fmt.Errorf("IMGD_DATABASE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := migrate.Require(ctx, engine, db.SQL()); err != nil {
		return err
	}
	store, err := openStore(ctx, s)
	if err != nil {
		return fmt.Errorf("IMGD_STORAGE_URL: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	age := time.Duration(c.Age)
	if age == 0 {
		age = s.recording()
	}
	d := worker.Doctor{
		Rows: records.Housekeeping{DB: db}, Blobs: store, NewID: newID, Unfinished: store.unfinished, CleanStaging: store.staging,
		Age: age, Digests: c.Digests,
	}
	return c.treat(ctx, d, records.Stats{DB: db}, w)
}

// treat does what was asked for, in an order in which each step knows of the one
// before.
func (c doctorCmd) treat(ctx context.Context, d worker.Doctor, stats records.Stats, w io.Writer) error {
	r := report{Processes: []seen{}}
	if c.Accept {
		if err := d.Accept(ctx); err != nil {
			return err
		}
		r.Accepted = true
	}
	var err error
	if r.Findings, err = d.Examine(ctx); err != nil {
		return err
	}
	fleet, err := stats.Fleet(ctx, "")
	if err != nil {
		return err
	}
	for _, p := range fleet.Workers {
		r.Processes = append(r.Processes, seen{ID: p.ID, Role: p.Role, Alive: p.Alive(), SilentMS: p.Silent.Milliseconds(), Jobs: len(p.Jobs)})
	}
	refusal := error(nil)
	if c.Fix {
		if refusal = c.mayFix(r.Findings); refusal == nil {
			if err := r.fix(ctx, d); err != nil {
				return plain(err)
			}
		}
	}
	r.Wrong = r.wrong()
	if err := r.print(w, c.JSON); err != nil {
		return err
	}
	switch {
	case refusal != nil:
		return refusal
	case r.Wrong:
		return errors.New("something is wrong; docs/operations.md says what to do about it")
	}
	return nil
}

// mayFix refuses what looks like a database of another store.
func (c doctorCmd) mayFix(f worker.Findings) error {
	if f.Orphans.Count == 0 && f.Unfinished == 0 {
		return nil
	}
	if f.Generation != "" {
		return fmt.Errorf("nothing is removed: %s", f.Generation)
	}
	if f.Orphans.Count*10 > f.Objects && !c.Yes {
		return fmt.Errorf("nothing is removed: %d of %d objects would go, more than a tenth; if this is the right database for this store, say --yes", f.Orphans.Count, f.Objects)
	}
	return nil
}

// report is what people and scripts read.
type report struct {
	Wrong     bool   `json:"wrong"`
	Accepted  bool   `json:"accepted"`
	Removed   int    `json:"removed"`   // orphans
	Discarded int    `json:"discarded"` // half-written uploads
	Processes []seen `json:"processes"`
	worker.Findings
}

// seen is a process that was there in the last hour.
type seen struct {
	ID       string `json:"id"`
	Role     string `json:"role"`
	Alive    bool   `json:"alive"`
	SilentMS int64  `json:"silent_ms"`
	Jobs     int    `json:"jobs"`
}

// fix removes what nobody needs.
func (r *report) fix(ctx context.Context, d worker.Doctor) (err error) {
	if r.Unfinished > 0 {
		if r.Discarded, err = d.Discard(ctx); err != nil {
			return err
		}
	}
	if r.Orphans.Count > 0 {
		r.Removed, err = d.Remove(ctx)
	}
	return err
}

// wrong leaves out what was removed.
func (r report) wrong() bool {
	f := r.Findings
	if r.Removed > 0 {
		f.Orphans.Count = max(0, f.Orphans.Count-int64(r.Removed))
	}
	f.Unfinished = max(0, f.Unfinished-r.Discarded)
	return f.Wrong()
}

func (r report) print(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	line := func(bad bool, name string, n int64, note string, examples ...string) {
		mark := "ok"
		if bad {
			mark = "WRONG"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", mark, name, n, note)
		for _, e := range examples {
			fmt.Fprintf(w, "\t\t\t%s\n", e)
		}
	}
	line(false, "objects", r.Objects, fmt.Sprintf("%s; %d are needed, %d are young", size(r.Bytes), r.Needed, r.Young))
	line(r.Missing.Count > 0, "missing", r.Missing.Count, "that rows need and the store has not", r.Missing.Examples...)
	line(r.Damaged.Count > 0, "damaged", r.Damaged.Count, "that are not as their rows say", r.Damaged.Examples...)
	line(r.Orphans.Count > int64(r.Removed), "orphans", r.Orphans.Count, size(r.Orphans.Bytes)+" that no row knows", r.Orphans.Examples...)
	line(false, "sweeps waiting", r.Waiting, "for the end of their grace")
	line(r.Overdue > 0, "sweeps overdue", r.Overdue, "that should have been done an hour ago")
	line(r.Unfinished > r.Discarded, "half-written", int64(r.Unfinished), "uploads that nobody goes on with")
	for _, p := range r.Processes {
		state := "alive"
		if !p.Alive {
			state = "silent for " + (time.Duration(p.SilentMS) * time.Millisecond).Round(time.Second).String()
		}
		fmt.Fprintf(w, "\tprocess\t\t%s %s, %s, %d jobs\n", p.Role, p.ID, state, p.Jobs)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	switch {
	case r.Generation != "":
		fmt.Fprintf(out, "\nWRONG  nothing is swept: %s\n", r.Generation)
	case r.Accepted:
		fmt.Fprintln(out, "\nThe database and the store belong together from now on.")
	}
	if r.Removed > 0 {
		fmt.Fprintf(out, "\n%d orphans are removed.\n", r.Removed)
	}
	if r.Discarded > 0 {
		fmt.Fprintf(out, "\n%d half-written uploads are removed.\n", r.Discarded)
	}
	return nil
}
