package rig

import (
	"os/exec"
	"testing"
)

// The control of every test in a cage: what takes more than it may is killed, and
// counted.
func TestWhatOutgrowsItsCageIsKilledAndCounted(t *testing.T) {
	for name, c := range map[string]struct {
		bytes  string
		killed int
	}{"little": {"1000000", 0}, "much": {"100000000", 1}} {
		t.Run(name, func(t *testing.T) {
			cage, err := NewCage(t, 32<<20)
			if err != nil {
				t.Log(err) // the tests that want a cage look at what is held instead
				return
			}
			line := cage.around("sh", "-c", `x=$(head -c "$1" /dev/zero | tr '\0' x); echo ${#x}`, "sh", c.bytes)
			out, err := exec.Command(line[0], line[1:]...).Output() // #nosec G204 -- our own words
			if got := cage.Killed(t) > 0; got != (c.killed > 0) || (err != nil) != (c.killed > 0) {
				t.Errorf("%s bytes: killed %v, %v, and it said %q; want killed: %v", c.bytes, got, err, out, c.killed > 0)
			}
		})
	}
}
