package core_test

import (
	"strings"
	"testing"

	"imgd/core"
)

// FuzzBucket holds the names that are taken to the rule as it is written for people,
// and the other way round.
func FuzzBucket(f *testing.F) {
	for _, name := range []string{
		"", "default", "a", "0", "albums/summer", "a..b", "a/../b", "../a", "a//b", "/a", "a/", "a/.", ".a", "-a", "_a", "A", "a b", "a\x00", "a\n", "ä", "a%2fb", `a\b`,
		strings.Repeat("a", 128), strings.Repeat("a", 129), "a/" + strings.Repeat("b/", 60) + "c",
	} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got, err := core.Bucket(name)
		if name == "" {
			if got != "default" || err != nil {
				t.Fatalf("no name is %q, %v", got, err)
			}
			return
		}
		if fine := isBucket(name); fine != (err == nil) {
			t.Fatalf("%q is taken: %v (%v); by the rule: %v", name, err == nil, err, fine)
		}
		if err == nil && got != name {
			t.Fatalf("%q became %q", name, got)
		}
		if err != nil && core.KindOf(err) != core.Invalid {
			t.Fatalf("%q is %v, want an Invalid", name, err)
		}
	})
}

// isBucket is the rule, letter by letter.
func isBucket(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || '0' <= c && c <= '9'
		if !letter && (i == 0 || !strings.ContainsRune("._/-", rune(c))) {
			return false
		}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" {
			return false
		}
	}
	return len(name) <= 128 && !strings.Contains(name, "..")
}
