// Command upload sends a picture to an imgd, tells how far it is, and prints where its
// variants are:
//
//	go run ./examples/upload http://127.0.0.1:8080 picture.jpg
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"

	imgd "imgd/clients/go"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: upload URL FILE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := upload(ctx, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, advice(err))
		stop()
		os.Exit(1)
	}
}

func upload(ctx context.Context, url, name string) error {
	c, err := imgd.New(url, imgd.Options{Token: func(context.Context) (string, error) { return os.Getenv("IMGD_TOKEN"), nil }})
	if err != nil {
		return err
	}
	file, err := os.Open(name) // #nosec G304 G703 -- the file that was named
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	image, err := c.UploadAndWait(ctx, imgd.Upload{
		File: file, Filename: filepath.Base(name),
		Variants: map[string]string{"square": "w=200,h=200,fit=cover,fmt=webp", "wide": "w=800,fmt=webp"},
		Progress: func(p imgd.Progress) { fmt.Fprintf(os.Stderr, "%d of %d bytes %s\n", p.Sent, p.Total, p.State) },
	})
	if err != nil {
		return err
	}
	for _, v := range image.Variants {
		fmt.Printf("%s %dx%d %s\n", v.Name, *v.Width, *v.Height, *v.URL)
	}
	return nil
}

// advice is what to tell the one who sent the picture.
func advice(err error) string {
	var p *imgd.Problem
	switch {
	case imgd.SlugOf(err) == imgd.UnsupportedMediaType:
		return "That is no picture. Send a JPEG, PNG, WebP or the like."
	case errors.As(err, &p):
		return fmt.Sprintf("%s; see %s", p.Detail, p.Type)
	default:
		return err.Error()
	}
}
