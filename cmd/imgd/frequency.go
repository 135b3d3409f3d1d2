package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"imgd/core"
)

// Frequency is how often one principal may do something: 50/h, off, or auto, which is up
// to the setting.
type Frequency struct {
	core.Rate // the zero Rate is off
	text      string
}

var spans = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// UnmarshalText reads a rate.
func (f *Frequency) UnmarshalText(text []byte) error {
	t := string(text)
	switch t {
	case "auto", "off", "0":
		*f = Frequency{text: t}
		return nil
	}
	number, unit, _ := strings.Cut(t, "/")
	n, err := strconv.Atoi(number)
	per := spans[unit]
	if err != nil || n < 1 || n > 1_000_000 || per == 0 {
		return fmt.Errorf("%q is not a rate; write 50/h, 10/s, 300/m or 1000/d, or off", text)
	}
	*f = Frequency{core.Rate{Limit: n, Per: per}, t}
	return nil
}

// String is what was read.
func (f Frequency) String() string { return f.text }

// with is the rate with a burst of its own, and otherwise where auto is said.
func (f Frequency) with(burst int, auto core.Rate) core.Rate {
	rate := f.Rate
	if f.text == "auto" {
		rate = auto
	}
	if rate.Limit > 0 {
		rate.Burst = burst
	}
	return rate
}
