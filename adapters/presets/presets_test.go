package presets_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"imgd/adapters/presets"
	"imgd/core/transform"
)

// written is a file with the given text.
func written(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "presets.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// check refuses what no build of a test does.
func check(s transform.Spec) error {
	return transform.Unsupported(s, func(key, value string) bool { return key != "tint" && value != "jxl" })
}

func TestAFileNamesListsOfVariants(t *testing.T) {
	got, err := presets.Load(written(t, `
# What the site shows.
web:
  thumb: "w=150,h=150,fit=cover,fmt=webp"
  hero: w=1600
"print":
  a4: 'w=2480,h=3508,fmt=tiff'
`), check)
	if err != nil {
		t.Fatal(err)
	}
	if names := got.Names(); !slices.Equal(names, []string{"default", "print", "web"}) {
		t.Errorf("the presets are %v, want default, print and web", names)
	}
	if list := got["web"]; len(list) != 2 || list[0].Name != "hero" || list[0].Spec.W != 1600 || list[1].Name != "thumb" || list[1].Spec.Fit != transform.FitCover {
		t.Errorf("web is %v, want hero and thumb in this order", list)
	}
	if list := got["default"]; !slices.Equal(list, transform.DefaultPreset()) {
		t.Errorf("default is %v, want the built-in one", list)
	}
}

func TestAFileMayDefineTheDefaultAnew(t *testing.T) {
	got, err := presets.Load(written(t, "default: {only: w=10}\n"), check)
	if err != nil || len(got["default"]) != 1 || got["default"][0].Spec.W != 10 {
		t.Errorf("the presets are %v, %v; want the file's default alone", got, err)
	}
}

func TestAnEmptyFileLeavesTheBuiltIn(t *testing.T) {
	for _, text := range []string{"", "# nothing yet\n", "---\n", "~\n"} {
		if got, err := presets.Load(written(t, text), check); err != nil || len(got) != 1 {
			t.Errorf("%q gives %v, %v; want the built-in preset alone", text, got, err)
		}
	}
}

func TestEveryMistakeOfAFileIsTold(t *testing.T) {
	file := written(t, `web:
  thumb: "w=150,hight=150"
  hero: "w=zero"
  tinted: "w=1,tint=ff0000"
  count: 150
  Big: "w=1"
  thumb: "w=2"
empty:
text: w=100
Name:
  a: "w=1"
web:
  list: [w=1]
`)
	_, err := presets.Load(file, check)
	m, ok := errors.AsType[*presets.Mistakes](err)
	if !ok {
		t.Fatalf("Load = %v, want Mistakes", err)
	}
	want := []string{
		`2:10: preset web: variant thumb: `, // and what the transform says
		`3:9: preset web: variant hero: `,
		`4:11: preset web: variant tinted: This build cannot do tint=ff0000`,
		`5:10: preset web: variant count: the transform is not text`,
		`6:3: preset web: "Big" cannot name a variant`,
		`7:3: preset web: variant thumb: it stands twice`,
		`8:1: preset empty: it has no variants`,
		`9:7: preset text: it is no list of variants`,
		`10:1: "Name" cannot name a preset`,
		`12:1: preset web: it stands twice`,
		`13:9: preset web: variant list: the transform is not text`,
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) || len(m.List) != len(want) {
		t.Errorf("%d mistakes are told, want %d:\n%v", len(lines), len(want), err)
	}
	for i := range min(len(lines), len(want)) {
		if !strings.HasPrefix(lines[i], file+":"+want[i]) {
			t.Errorf("mistake %d is\n%s\nwant\n%s:%s", i, lines[i], file, want[i])
		}
	}
	if !strings.Contains(lines[0], "hight") || !strings.Contains(lines[0], "h") || !strings.Contains(lines[1], "w takes") {
		t.Errorf("the transform's own words are missing:\n%s\n%s", lines[0], lines[1])
	}
}

func TestWhatIsNoYAMLIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"not closed":         "web: {thumb: \"w=1\"",
		"a list":             "- web\n",
		"a word":             "web\n",
		"a second document":  "web: {a: w=1}\n---\nmobile: {a: w=1}\n",
		"a broken second":    "web: {a: w=1}\n---\n{",
		"a tab":              "web:\n\tthumb: w=1\n",
		"an anchor's shadow": "a: &a {x: w=1}\nb: *a\n",
		"a list as a name":   "? [a]\n: {x: w=1}\n",
		"a preset too many":  numbered("p%d: {a: w=1}\n", transform.MaxPresets+1),
		"a variant too many": "web:\n" + numbered("  v%d: w=1\n", transform.MaxVariants+1),
		"not UTF-8":          "web: {a: \"\xff\xfe\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := presets.Load(written(t, text), check)
			if _, ok := errors.AsType[*presets.Mistakes](err); !ok || got != nil {
				t.Errorf("Load = %v, %v; want Mistakes", got, err)
			}
		})
	}
	t.Run("as many as there may be are taken", func(t *testing.T) {
		got, err := presets.Load(written(t, numbered("p%d: {a: w=1}\n", transform.MaxPresets)), check)
		if err != nil || len(got) != transform.MaxPresets+1 {
			t.Errorf("Load = %d presets, %v; want %d and the default", len(got), err, transform.MaxPresets)
		}
	})
	t.Run("a file that is not there", func(t *testing.T) {
		if _, err := presets.Load(filepath.Join(t.TempDir(), "none.yaml"), check); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("Load = %v, want that it is not there", err)
		}
	})
	t.Run("a file without end", func(t *testing.T) {
		if _, err := presets.Load("/dev/zero", check); err == nil {
			t.Error("Load of a file without end succeeded")
		}
	})
}

func numbered(format string, n int) (text string) {
	for i := range n {
		text += fmt.Sprintf(format, i)
	}
	return text
}

func TestAnUnknownNameIsAnsweredWithTheKnownOnes(t *testing.T) {
	all := transform.Presets{"default": nil, "mobile": nil, "web": nil}
	for name, want := range map[string]string{"mobil": "mobile", "Web": "web", "xyzzy": ""} {
		_, err := all.Find(name)
		if !strings.Contains(err.Error(), "default, mobile, web") || (want != "") != strings.Contains(err.Error(), "did you mean "+want) {
			t.Errorf("Find(%s) = %v, want all names and the suggestion %q", name, err, want)
		}
	}
}
