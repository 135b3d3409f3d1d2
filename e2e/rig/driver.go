package rig

import (
	"fmt"
	"strings"
)

// driver is a way to run servers on this machine.
type driver struct {
	name    string
	refuses func(k *component) error // why it cannot run one here
	prepare func(k *component, own bool) (m machine, from string, err error)
}

// choose takes the first driver that can run the component, of those that TEST_DRIVER
// leaves, or says what each lacks and what can be done about it.
func choose(k *component, forced string) (driver, error) {
	if forced != "" && forced != containers.name && forced != native.name {
		return driver{}, fmt.Errorf("TEST_DRIVER is %q; it can be %s, %s, or empty to try both", forced, containers.name, native.name)
	}
	var lacks strings.Builder
	for _, d := range []driver{containers, native} {
		if forced != "" && forced != d.name {
			continue
		}
		err := d.refuses(k)
		if err == nil {
			return d, nil
		}
		fmt.Fprintf(&lacks, "\n  %s: %v", d.name, err)
	}
	return driver{}, fmt.Errorf("there is no %s for this test.%s\nAny of these helps:"+
		"\n  set %s to the address of a server that runs"+
		"\n  start Docker, so that the image %s can be run"+
		"\n  type `make servers`, which installs and builds what is missing", k.name, &lacks, k.variable, k.image.name())
}
