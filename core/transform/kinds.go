package transform

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

const none = "none"

// scalar is a key whose value is one part.
func scalar[T any](name, def, takes string, field func(*Spec) *T, read func(string) (T, bool), write func(T) string) key {
	return key{
		name: name, def: def, takes: takes,
		set: func(s *Spec, parts []string) *fault {
			if len(parts) != 1 {
				return &fault{part: 1}
			}
			v, ok := read(parts[0])
			if !ok {
				return &fault{}
			}
			*field(s) = v
			return nil
		},
		get: func(s *Spec) string { return write(*field(s)) },
	}
}

// whole is a key that takes a whole number, or none when that is its default.
func whole(name, def string, lo, hi int, field func(*Spec) *int) key {
	takes := fmt.Sprintf("a whole number from %d to %d", lo, hi)
	if def != none {
		return scalar(name, def, takes, field, func(v string) (int, bool) {
			n, ok := readWhole(v)
			return n, ok && n >= lo && n <= hi
		}, strconv.Itoa)
	}
	k := scalar(name, def, takes+", or none", field, func(v string) (int, bool) {
		if v == none {
			return 0, true
		}
		n, ok := readWhole(v)
		return n, ok && n >= lo && n <= hi
	}, func(n int) string {
		if n == 0 {
			return none
		}
		return strconv.Itoa(n)
	})
	k.words = []string{none}
	return k
}

// decimal is a key that takes a number.
func decimal(name, def string, lo, hi float64, field func(*Spec) *float64) key {
	takes := fmt.Sprintf("a number from %s to %s with at most 6 decimals", number(lo), number(hi))
	return scalar(name, def, takes, field, func(v string) (float64, bool) { return readWithin(v, lo, hi) }, number)
}

// angle is a key that takes degrees and keeps them from 0 to below 360.
func angle(name string, field func(*Spec) *float64) key {
	return scalar(name, "0", "degrees from -360 to 360 with at most 6 decimals", field, func(v string) (float64, bool) {
		f, ok := readWithin(v, -360, 360)
		// Rounding takes back what the addition adds to six decimals.
		return math.Round(math.Mod(f+360, 360)*1e6) / 1e6, ok
	}, number)
}

// toggle is a key that is on or off.
func toggle(name, def string, field func(*Spec) *bool) key {
	return scalar(name, def, "0 or 1", field, readBit, bit)
}

// choice is a key that takes one of a few words.
func choice[T ~string](name, def string, field func(*Spec) *T, values ...T) key {
	var words []string
	for _, v := range values {
		words = append(words, string(v))
	}
	k := scalar(name, def, oneOf(words), field, func(v string) (T, bool) {
		return T(v), slices.Contains(values, T(v))
	}, func(v T) string { return string(v) })
	k.words = words
	return k
}

// color is a key that takes a colour or none.
func color(name string, alpha bool, field func(*Spec) *Color) key {
	takes := "a colour in hex such as ff8800, or none"
	if alpha {
		takes = "a colour in hex such as ff8800 or, with alpha, ff880080, or none"
	}
	k := scalar(name, none, takes, field, func(v string) (Color, bool) {
		if v == none {
			return "", true
		}
		return readColor(v, alpha)
	}, func(c Color) string {
		if c == "" {
			return none
		}
		return string(c)
	})
	k.words = []string{none}
	return k
}

func bit(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func readBit(v string) (bool, bool) { return v == "1", v == "0" || v == "1" }

// readWhole reads up to nine digits, which no int overflows.
func readWhole(v string) (int, bool) {
	if v == "" || len(v) > 9 || !digits(v) {
		return 0, false
	}
	n, err := strconv.Atoi(v)
	return n, err == nil
}

// readDecimal reads up to nine digits and six decimals: few enough for a float64
// to hold them, so that the shortest form of what is read is again a decimal.
func readDecimal(v string) (float64, bool) {
	units, decimals, point := strings.Cut(strings.TrimPrefix(v, "-"), ".")
	if units == "" || len(units) > 9 || !digits(units) {
		return 0, false
	}
	if point && (decimals == "" || len(decimals) > 6 || !digits(decimals)) {
		return 0, false
	}
	f, err := strconv.ParseFloat(v, 64)
	if f == 0 {
		return 0, err == nil // a negative zero prints as one
	}
	return f, err == nil
}

func readWithin(v string, lo, hi float64) (float64, bool) {
	f, ok := readDecimal(v)
	return f, ok && f >= lo && f <= hi
}

func digits(v string) bool {
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return false
		}
	}
	return true
}

func hexadecimal(v string) bool {
	_, err := hex.DecodeString(v)
	return err == nil
}

// readColor reads rrggbb and, if alpha is allowed, rrggbbaa. An opaque colour
// has one form: without its alpha.
func readColor(v string, alpha bool) (Color, bool) {
	v = strings.ToLower(v)
	if len(v) != 6 && (!alpha || len(v) != 8) || !hexadecimal(v) {
		return "", false
	}
	if len(v) == 8 && v[6:] == "ff" {
		v = v[:6]
	}
	return Color(v), true
}

func readPosition(v string) (Position, bool) {
	for _, known := range positions {
		if known.name == v {
			return known.at, true
		}
	}
	left, top, ok := strings.Cut(v, "x")
	x, okX := readWithin(left, 0, 1)
	y, okY := readWithin(top, 0, 1)
	return Position{X: x, Y: y}, ok && okX && okY
}
