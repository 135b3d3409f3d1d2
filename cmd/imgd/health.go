package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

type healthCmd struct{}

// Run asks /readyz of the second listener when there is one, else of the API. It
// needs no token: probes are open.
func (healthCmd) Run(ctx context.Context, s *Settings) error { return ask(ctx, s, os.Stdout) }

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
