package clients

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
)

const (
	golang     = "../../clients/go"
	typescript = "../../clients/typescript"
)

// prepared builds the TypeScript client, once.
var prepared = sync.OnceValues(func() ([]byte, error) {
	cmd := exec.Command("sh", "../../scripts/clients", "build")
	return cmd.CombinedOutput()
})

func prepare(t *testing.T) {
	t.Helper()
	if out, err := prepared(); err != nil {
		t.Fatalf("clients/typescript does not build: %v\n%s", err, out)
	}
}

// TestBothClientsPlayTheSameScenarios runs each client's own tests against the binary,
// and counts: a scenario that either has not played is a failure, whatever it says.
func TestBothClientsPlayTheSameScenarios(t *testing.T) {
	prepare(t)
	w := build(t)
	want := names(t, w.Scenarios)
	t.Run("go", func(t *testing.T) {
		compare(t, playedByGo(run(t, golang, w.file, "go", "test", "-race", "-count=1", "-json", "./...")), want)
	})
	t.Run("typescript", func(t *testing.T) {
		compare(t, playedByNode(run(t, typescript, w.file, "npm", "test", "--silent")), want)
	})
}

// TestTheExamplesRun and say where the variants are.
func TestTheExamplesRun(t *testing.T) {
	prepare(t)
	w := build(t)
	for name, line := range map[string][]string{
		golang:     {"go", "run", "./examples/upload", w.Open},
		typescript: {"node", "examples/upload.mjs", w.Open},
	} {
		out := run(t, name, w.file, append(line, w.Files["photo"])...)
		for _, want := range []string{"square 200x200 " + w.Open + "/v1/images/", "wide 800x600 "} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("the example of %s says %q, want %q in it", name, out, want)
			}
		}
		cmd := exec.CommandContext(t.Context(), line[0], append(line[1:], w.Files["notes"])...) // #nosec G204 -- our own words
		cmd.Dir = name
		if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("That is no picture.")) {
			t.Errorf("of a file that is no picture the example of %s says %q, %v", name, out, err)
		}
	}
}

// TestAScenarioThatIsNotPlayedIsMissed is the control of the counting.
func TestAScenarioThatIsNotPlayedIsMissed(t *testing.T) {
	inGo := playedByGo([]byte(`{"Action":"pass","Test":"TestScenarios/a"}
{"Action":"skip","Test":"TestScenarios/b"}
{"Action":"fail","Test":"TestScenarios/c"}
{"Action":"pass","Test":"TestScenarios"}
`))
	inNode := playedByNode([]byte("    ok 1 - scenario: a\n    ok 2 - scenario: b # SKIP\n    not ok 3 - scenario: c\nok 4 - another\n"))
	if want := []string{"a"}; !slices.Equal(inGo, want) || !slices.Equal(inNode, want) {
		t.Errorf("played are %v and %v, want %v", inGo, inNode, want)
	}
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

// run runs something of a client's in its folder, and returns what it prints.
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

func compare(t *testing.T, played, want []string) {
	t.Helper()
	slices.Sort(played)
	for _, name := range want {
		if !slices.Contains(played, name) {
			t.Errorf("%s was not played, or went wrong", name)
		}
	}
	if len(played) > len(want) {
		t.Errorf("%v were played; not all of them stand in the list", played)
	}
}

// playedByGo reads what go test -json prints.
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
