// Command demo shows imgd at work: it starts the service, draws a picture, sends
// it, waits for the variants, looks at every one and prints what it saw.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"imgd/e2e/scene"
)

// options are what the command line says.
type options struct {
	binary string
	listen string
	data   string
	sheet  string
	every  string
	once   bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "imgd", "bin/imgd", "the `binary` to start")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:8080", "the `address` to serve on; a free port is chosen when it is taken")
	flag.StringVar(&o.data, "data", "data", "the `folder` that keeps the database and the images; a temporary one with -once")
	flag.StringVar(&o.sheet, "sheet", "", "a JPEG `file` that takes a contact sheet of the variants")
	flag.StringVar(&o.every, "operations", "", "a JPEG `file` that takes a sheet of every operation")
	flag.BoolVar(&o.once, "once", false, "end after the table instead of serving on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.once {
		if o.data, err = os.MkdirTemp("", "imgd-demo"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	s, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if err := show(ctx, o, s); err != nil {
		return fmt.Errorf("%w\n%s", err, s.lastWords())
	}
	if o.once {
		return nil
	}
	fmt.Printf("\nOpen %[1]s/dashboard to watch it, %[1]s/docs to try the API, %[1]s/redoc to read about it.\n", s.url)
	fmt.Printf("Serving on %s until Ctrl-C; the log is %s.\n", s.url, s.logFile)
	select {
	case <-ctx.Done():
		fmt.Println("\nStopping.")
		return nil
	case <-s.ended:
		return fmt.Errorf("imgd ended: %w\n%s", s.err, s.lastWords())
	}
}

// show sends the picture and prints what became of it.
func show(ctx context.Context, o options, s *service) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	began := time.Now()
	picture, err := scene.JPEG(4032, 3024)
	if err != nil {
		return err
	}
	fmt.Printf("Drew a picture of 4032x3024 (%s) in %s.\n", size(int64(len(picture))), round(time.Since(began)))
	file := filepath.Join(o.data, "demo", "lake.jpg")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		return err
	}
	story, err := send(ctx, client{base: s.url}, picture)
	if err != nil {
		return err
	}
	printStory(os.Stdout, story)
	if !o.once {
		printCurl(os.Stdout, s.url, file, story)
	}
	if o.sheet != "" {
		sheet, err := layOut(story.looks)
		if err != nil {
			return err
		}
		if err := writeSheet(o.sheet, sheet); err != nil {
			return err
		}
		fmt.Printf("\nThe contact sheet is %s.\n", o.sheet)
	}
	if o.every != "" {
		if err := showOperations(ctx, o.every, client{base: s.url}, story.job.ImageID); err != nil {
			return err
		}
		fmt.Printf("\nThe sheet of operations is %s.\n", o.every)
	}
	return story.complaint()
}
