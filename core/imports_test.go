package core_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

type pkg struct {
	ImportPath string
	Standard   bool
	Imports    []string
}

// list returns the module's own packages, without what only tests import.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Standard,Imports", "imgd/...")
	out, err := cmd.Output()
	if err != nil {
		if e, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("go list: %v\n%s", err, e.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// third reports whether path is neither the standard library's nor ours.
func third(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return strings.Contains(first, ".")
}

// vendor is the module-like prefix of a third party's import path, long enough to
// tell one SDK from another.
func vendor(path string) string {
	parts := strings.SplitN(path, "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}

// shared may be imported by every adapter: it is vocabulary, not a dependency on
// the outside world.
var shared = []string{"golang.org/x/sync", "golang.org/x/sys", "github.com/google/uuid", "go.yaml.in/yaml"}

// useCases are the packages that tell stories; transform and access are words.
var useCases = []string{"imgd/core/ingest", "imgd/core/process", "imgd/core/library", "imgd/core/deliver"}

func TestArrowsPointInwards(t *testing.T) {
	var adapters = map[string]string{} // a vendor's prefix: the adapter that has it
	for _, p := range list(t) {
		for _, in := range p.Imports {
			for _, broken := range laws(p.ImportPath, in, adapters) {
				t.Errorf("%s imports %s: %s", p.ImportPath, in, broken)
			}
		}
	}
}

// laws names each law that path breaks by importing in.
func laws(path, in string, adapters map[string]string) (broken []string) {
	inner := under(path, "imgd/core") || under(path, "imgd/ports") && !under(path, "imgd/ports/portstest")
	if inner && (under(in, "imgd/adapters") || under(in, "imgd/cmd")) {
		broken = append(broken, "core and ports know no adapter")
	}
	if inner && third(in) && !under(in, "golang.org/x/sync") {
		broken = append(broken, "core and ports import no third party")
	}
	if path == "imgd/core" && (third(in) || strings.HasPrefix(in, "imgd/")) {
		broken = append(broken, "the vocabulary imports the standard library only")
	}
	for _, a := range useCases {
		for _, b := range useCases {
			if a != b && under(path, a) && under(in, b) {
				broken = append(broken, "a use case imports no other")
			}
		}
	}
	if under(in, "imgd/ports/portstest") && !under(path, "imgd/e2e") {
		broken = append(broken, "production code imports no tests")
	}
	if rest, ok := strings.CutPrefix(path, "imgd/adapters/"); ok && third(in) && !isShared(in) {
		adapter, _, _ := strings.Cut(rest, "/")
		v := vendor(in)
		if had, ok := adapters[v]; ok && had != adapter {
			broken = append(broken, "the adapter "+had+" has this SDK already")
		}
		adapters[v] = adapter
	}
	return broken
}

func isShared(path string) bool {
	for _, s := range shared {
		if under(path, s) {
			return true
		}
	}
	return false
}

func TestTheLawsCatchWhatBreaksThem(t *testing.T) {
	adapters := map[string]string{"github.com/aws/aws-sdk-go-v2": "s3"}
	for name, c := range map[string]struct {
		path, in string
		want     int
	}{
		"a core that knows an adapter":    {"imgd/core/ingest", "imgd/adapters/disk", 1},
		"a port with a third party":       {"imgd/ports", "github.com/x/y", 1},
		"a vocabulary that imports ports": {"imgd/core", "imgd/ports", 1},
		"use cases that call each other":  {"imgd/core/ingest", "imgd/core/process", 1},
		"production code with a suite":    {"imgd/adapters/disk", "imgd/ports/portstest", 1},
		"an SDK in two adapters":          {"imgd/adapters/rest", "github.com/aws/aws-sdk-go-v2/service/s3", 1},
		"a use case with its words":       {"imgd/core/ingest", "imgd/core/transform", 0},
		"an adapter with its port":        {"imgd/adapters/disk", "imgd/ports", 0},
		"errgroup in a use case":          {"imgd/core/process", "golang.org/x/sync/errgroup", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := laws(c.path, c.in, adapters); len(got) != c.want {
				t.Errorf("laws broken: %q, want %d", got, c.want)
			}
		})
	}
}

func TestNoPackageIsCalledAfterNothing(t *testing.T) {
	for _, p := range list(t) {
		switch name := p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:]; name {
		case "util", "utils", "common", "helpers", "types", "models", "base":
			t.Errorf("%s: name it after what it provides", p.ImportPath)
		}
	}
}
