package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestBothClientsPlayTheSameScenarios runs each client's own tests against the binary,
// and counts: a scenario that either has not played is a failure, whatever it says.
func TestBothClientsPlayTheSameScenarios(t *testing.T) {
	w, file := build(t)
	want := names(t, w.Scenarios)
	t.Run("go", func(t *testing.T) {
		out := run(t, "../../clients/go", file, "go", "test", "-count=1", "-race", "-json", "./...")
		compare(t, playedByGo(out), want, out)
	})
	t.Run("typescript", func(t *testing.T) {
		out := run(t, "../../clients/typescript", file, "sh", "../../scripts/clients", "test")
		compare(t, playedByNode(out), want, out)
	})
}

func names(t *testing.T, file string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []struct{ Name string }
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		list = append(list, s.Name)
	}
	slices.Sort(list)
	return list
}

// run runs the tests of a client, which fail by themselves.
func run(t *testing.T, dir, world string, line ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...) // #nosec G204 -- our own words
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "IMGD_TEST_WORLD="+world)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s%s", strings.Join(line, " "), err, out, said.Bytes())
	}
	return out
}

func compare(t *testing.T, played, want []string, out []byte) {
	t.Helper()
	slices.Sort(played)
	if !slices.Equal(played, want) {
		t.Errorf("these scenarios passed:\n%v\nwant all that there are:\n%v", played, want)
		if !t.Failed() {
			t.Logf("%s", out)
		}
	}
}

// playedByGo reads test2json.
func playedByGo(out []byte) (passed []string) {
	for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
		var e struct{ Action, Test string }
		if json.Unmarshal(s.Bytes(), &e) != nil {
			continue
		}
		if name, ok := strings.CutPrefix(e.Test, "TestScenarios/"); ok && e.Action == "pass" {
			passed = append(passed, name)
		}
	}
	return passed
}

// playedByNode reads TAP: "ok 3 - scenario: name".
func playedByNode(out []byte) (passed []string) {
	for line := range strings.Lines(string(out)) {
		line = strings.TrimSpace(line)
		if _, name, ok := strings.Cut(line, " - scenario: "); ok && strings.HasPrefix(line, "ok ") && !strings.Contains(name, "#") {
			passed = append(passed, name)
		}
	}
	return passed
}
