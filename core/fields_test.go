package core_test

import (
	"strings"
	"testing"

	"imgd/core"
)

func TestFilenames(t *testing.T) {
	for in, want := range map[string]string{
		"cat.jpg": "cat.jpg", `C:\pics\cat.jpg`: "cat.jpg", "../../etc/passwd": "passwd", "a\r\nX: y": "aX: y", "\u202egpj.exe": "gpj.exe",
		"": "", "..": "", "/": "", strings.Repeat("é", 200): strings.Repeat("é", 127), "bad\xff.png": "bad.png",
	} {
		if got := core.Filename(in); got != want {
			t.Errorf("Filename(%.30q) = %q, want %q", in, got, want)
		}
	}
}
