package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"time"

	"imgd/adapters/vips"
)

type healthCmd struct {
	Deps bool `help:"Print the libraries a decoder works with instead, which of them are known to be bad, and what decoders are isolated by."`
}

// Run asks /readyz of the second listener when there is one, else of the API. It
// needs no token: probes are open.
func (c healthCmd) Run(ctx context.Context, s *Settings) error {
	if c.Deps {
		return dependencies(ctx, s, os.Stdout)
	}
	return ask(ctx, s, os.Stdout)
}

// dependencies starts a decoder and asks it.
func dependencies(ctx context.Context, s *Settings, w io.Writer) error {
	one := *s
	one.Decoders = 1
	pool, err := openPool(ctx, &one, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer pool.Close()
	versions := pool.Versions()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		fmt.Fprintf(w, "%-10s %s\n", name, versions[name])
	}
	fmt.Fprintf(w, "\nisolated by: %s\n", pool.Capabilities().Isolation)
	if leaks := pool.Leaks(); leaks != "" {
		fmt.Fprintf(w, "missing: %s\n", leaks)
	}
	for _, advice := range vips.Advise(versions) {
		fmt.Fprintf(w, "known to be bad, unless your distribution has mended it: %s\n", advice)
	}
	return nil
}

func ask(ctx context.Context, s *Settings, w io.Writer) error {
	address := s.Listen
	if s.MetricsListen != "" {
		address = s.MetricsListen
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not host:port", address)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/readyz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req) // #nosec G107 G704 -- our own listener
	if err != nil {
		return fmt.Errorf("no answer (a worker answers on IMGD_METRICS_LISTEN alone): %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if _, err := io.Copy(w, io.LimitReader(resp.Body, 64<<10)); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", resp.Status)
	}
	return nil
}
