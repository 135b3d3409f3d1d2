package rest_test

import (
	"mime"
	"strings"
	"testing"
	"unicode/utf8"

	"imgd/adapters/rest"
	"imgd/core"
)

// FuzzDisposition: whatever a file is called, the header that names it is one line of
// ASCII that says just that name.
func FuzzDisposition(f *testing.F) {
	for _, name := range []string{
		"", "plain.png", "süß.png", `a"b\c.png`, "a\r\nSet-Cookie: x=1", "100%.png", "..", `..\..\x`, "\u202egnp.exe", "a;filename=b", "'", "\xff\xfe", " x ", "日本語.webp", "a\x00b",
	} {
		f.Add(name, true)
		f.Add(name, false)
	}
	f.Fuzz(func(t *testing.T, name string, inline bool) {
		kind := "attachment"
		if inline {
			kind = "inline"
		}
		for _, name := range []string{name, core.Filename(name)} { // what a record may hold, and what it does
			header := rest.Disposition(kind, name)
			if strings.ContainsFunc(header, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
				t.Fatalf("of %q the header is %q, which is not one line of ASCII", name, header)
			}
			got, params, err := mime.ParseMediaType(header)
			if err != nil || got != kind || len(params) != 1 {
				t.Fatalf("of %q the header %q is read as %q with %v, %v", name, header, got, params, err)
			}
			if utf8.ValidString(name) && params["filename"] != name {
				t.Fatalf("%q comes out of %q as %q", name, header, params["filename"])
			}
		}
	})
}
