package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"imgd/adapters/rest"
	"imgd/adapters/vips/decode"
	"imgd/core"
)

// The test binary is its own decoder.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "decode" {
		if err := decode.Main(mutateEngine); err != nil {
			fail(err)
		}
		return
	}
	os.Exit(m.Run())
}

func TestHealthAsksTheListenerThatEveryRoleHas(t *testing.T) {
	var database error
	server := &rest.Server{
		Capabilities: func() core.Capabilities { return core.Capabilities{} },
		Checks:       []rest.Check{{Name: "database", Required: true, Ask: func(context.Context) error { return database }}},
	}
	h, err := server.OpsHandler()
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(h)
	defer ts.Close()
	_, port, err := net.SplitHostPort(ts.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := defaults(t)
	s.Listen = "127.0.0.1:1" // nobody: a worker
	for _, listen := range []string{"127.0.0.1:", "0.0.0.0:", "[::]:", ":", "localhost:"} {
		var out bytes.Buffer
		s.MetricsListen = listen + port
		if err := ask(t.Context(), &s, &out); err != nil || !strings.Contains(out.String(), `"ready"`) {
			t.Errorf("IMGD_METRICS_LISTEN=%s: %v, %s; want ready", s.MetricsListen, err, out.String())
		}
	}
	database = errors.New("cable pulled")
	if err := ask(t.Context(), &s, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("without a database health is %v, want not ready", err)
	}
	s.MetricsListen = ""
	if err := ask(t.Context(), &s, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "IMGD_METRICS_LISTEN") {
		t.Errorf("where nobody listens health is %v, want a word about the second listener", err)
	}
}

func TestHealthNamesTheLibrariesOfADecoder(t *testing.T) {
	var out bytes.Buffer
	s := defaults(t)
	if err := dependencies(t.Context(), &s, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"libvips ", "libwebp ", "isolated by: process"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the answer lacks %q:\n%s", want, out.String())
		}
	}
}
