package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheExampleHasEverySettingWithItsDefault(t *testing.T) {
	text, err := os.ReadFile("../../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#IMGD_") {
			got = append(got, strings.TrimSpace(line[1:]))
		}
	}
	var want []string
	for _, s := range settings() {
		want = append(want, s.Variable+"="+s.Default)
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf(".env.example has\n%s\n\nwant\n%s", g, w)
	}
}
