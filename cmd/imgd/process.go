package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"imgd/adapters/vips"
	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

type processCmd struct {
	Files    []string `arg:"" type:"existingfile" help:"Images to render."`
	Out      string   `short:"o" default:"." help:"The folder that takes the variants, as FILE-VARIANT.EXT."`
	Preset   string   `default:"default" help:"Which preset to render, of IMGD_PRESETS or built in."`
	Variants string   `help:"What to render instead of a preset: a JSON object of name: transform."`
	Force    bool     `short:"f" help:"Write over what is there."`
}

// Run renders files as the service would, without database or server. Every file
// is tried; the error at the end says how many failed.
func (c processCmd) Run(ctx context.Context, s *Settings) error {
	if err := mistaken(s.Check()); err != nil {
		return err
	}
	list, err := c.wanted(s)
	if err != nil {
		return plain(err)
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil { // #nosec G301 -- the user's own pictures
		return err
	}
	pool, err := openPool(ctx, s, newLog(s, &slog.LevelVar{}))
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, v := range list {
		if err := pool.Check(v.Spec); err != nil {
			return plain(err)
		}
	}
	b := bench{cmd: c, pool: pool, list: list, out: os.Stdout, live: term.IsTerminal(int(os.Stdout.Fd()))}
	failed := 0
	for i, name := range c.Files {
		b.progress(fmt.Sprintf("%d/%d %s", i+1, len(c.Files), name))
		if err := b.file(ctx, name); err != nil {
			failed++
			b.progress("")
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, plain(err))
		}
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d files could not be rendered", failed, len(c.Files))
	}
	return nil
}

// wanted is what to render of each file.
func (c processCmd) wanted(s *Settings) ([]transform.Variant, error) {
	if c.Variants != "" {
		return transform.ParseVariants([]byte(c.Variants))
	}
	all, err := s.presets()
	if err != nil {
		return nil, err
	}
	return all.Find(c.Preset)
}

// bench is where files are worked on.
type bench struct {
	cmd  processCmd
	pool *vips.Pool
	list []transform.Variant
	out  io.Writer
	live bool // a terminal watches
}

// progress replaces the line a terminal shows while work goes on.
func (b *bench) progress(line string) {
	if b.live {
		fmt.Fprintf(b.out, "\r\x1b[K%s", line)
	}
}

// file renders one file and prints a table of what came of it.
func (b *bench) file(ctx context.Context, name string) error {
	f, err := os.Open(name) // #nosec G304 -- the user names it
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // it was only read
	st, err := f.Stat()
	if err != nil {
		return err
	}
	began := time.Now()
	probe, err := b.pool.Probe(ctx, f, st.Size())
	if err != nil {
		return err
	}
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	done, bad := 0, 0
	report, err := b.pool.Render(ctx, ports.Task{Source: f, Bytes: st.Size(), Probe: probe, Variants: b.list, Facts: true}, func(r ports.Rendition) error {
		done++
		b.progress(fmt.Sprintf("%s: %d of %d variants", name, done, len(b.list)))
		if r.Err != nil {
			bad++
			_, err := fmt.Fprintf(w, "  %s\t%v\n", r.Name, plain(r.Err))
			return err
		}
		path, err := b.write(name, r)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "  %s\t%dx%d\t%s\t%s\n", r.Name, r.Width, r.Height, size(r.Bytes), path)
		return err
	})
	if err != nil {
		return err
	}
	b.progress("")
	fmt.Fprintf(b.out, "%s  %s %dx%d  %s  %s  %s\n", name, probe.Format, probe.Width, probe.Height, size(st.Size()), report.Facts.DominantColor, time.Since(began).Round(time.Millisecond))
	if err := errors.Join(w.Flush(), copyTo(b.out, &table)); err != nil {
		return err
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d variants could not be made", bad, len(b.list))
	}
	return nil
}

func copyTo(w io.Writer, r io.Reader) error {
	_, err := io.Copy(w, r)
	return err
}

// write keeps one variant beside its name; a file that is there is left alone
// unless told otherwise.
func (b *bench) write(name string, r ports.Rendition) (string, error) {
	stem := strings.TrimSuffix(filepath.Base(name), filepath.Ext(name))
	path := filepath.Join(b.cmd.Out, stem+"-"+r.Name+"."+r.Ext)
	flags := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if b.cmd.Force {
		flags = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flags, 0o644) // #nosec G302 G304 -- the user's own pictures
	if errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("%s is there already; use --force to write over it", path)
	}
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, r.Body)
	return path, errors.Join(err, f.Close())
}

// size is for people: 1.4 MB.
func size(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1e3:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}

// plain is an error as a user of the command line reads it: the sentence, without
// slug and cause.
func plain(err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok && e.Kind != core.Internal {
		return errors.New(e.Detail)
	}
	return err
}
