package transform

import (
	"strconv"
	"strings"

	"imgd/core"
)

// The keys whose values have parts of their own, separated by colons.

func cropKey() key {
	return key{
		name: "crop", def: none, words: []string{none},
		takes: "x:y:w:h in whole pixels or, with a decimal point, in fractions of the image, or none",
		set: func(s *Spec, parts []string) *fault {
			if len(parts) == 1 && parts[0] == none {
				s.Crop = Crop{}
				return nil
			}
			if len(parts) != 4 {
				return &fault{}
			}
			if strings.Contains(strings.Join(parts, ""), ".") {
				return cropFraction(&s.Crop, parts)
			}
			return cropPixels(&s.Crop, parts)
		},
		get: func(s *Spec) string {
			if s.Crop == (Crop{}) {
				return none
			}
			c := s.Crop
			return strings.Join([]string{number(c.X), number(c.Y), number(c.W), number(c.H)}, ":")
		},
	}
}

func cropPixels(c *Crop, parts []string) *fault {
	var v [4]float64
	for i, p := range parts {
		n, ok := readWhole(p)
		if !ok || i >= 2 && n == 0 {
			return &fault{part: i}
		}
		v[i] = float64(n)
	}
	*c = Crop{X: v[0], Y: v[1], W: v[2], H: v[3], Unit: Pixels}
	return nil
}

func cropFraction(c *Crop, parts []string) *fault {
	var v [4]float64
	for i, p := range parts {
		f, ok := readWithin(p, 0, 1)
		if !ok || i >= 2 && f == 0 {
			return &fault{part: i, why: "crop has a decimal point, so all of it is in fractions: x and y from 0, w and h above 0, none above 1"}
		}
		v[i] = f
	}
	for i := range 2 {
		const dust = 1e-9 // sums of decimals, such as 0.1+0.2, may miss by less
		if v[i]+v[i+2] > 1+dust {
			return &fault{part: i + 2, why: "crop reaches beyond the image: x+w and y+h are at most 1"}
		}
	}
	*c = Crop{X: v[0], Y: v[1], W: v[2], H: v[3], Unit: Fraction}
	if c.W == 1 && c.H == 1 {
		*c = Crop{} // all of the image has one form
	}
	return nil
}

func positionKey() key {
	var words []string
	for _, p := range positions {
		words = append(words, p.name)
	}
	takes := strings.Join(words, ", ") + ", or a point in fractions such as 0.5x0.33"
	k := scalar("pos", "center", takes, func(s *Spec) *Position { return &s.Pos }, readPosition, Position.String)
	k.words, k.also = words, []string{"position", "gravity"}
	return k
}

func padKey() key {
	const most = 4096
	return key{
		name: "pad", def: "0:0:0:0",
		takes: "top:right:bottom:left or one number for all four, in whole pixels from 0 to 4096",
		set: func(s *Spec, parts []string) *fault {
			if len(parts) != 1 && len(parts) != 4 {
				return &fault{}
			}
			var pad [4]int
			for i := range pad {
				from := i % len(parts)
				n, ok := readWhole(parts[from])
				if !ok || n > most {
					return &fault{part: from}
				}
				pad[i] = n
			}
			s.Pad = pad
			return nil
		},
		get: func(s *Spec) string {
			var sides []string
			for _, n := range s.Pad {
				sides = append(sides, strconv.Itoa(n))
			}
			return strings.Join(sides, ":")
		},
	}
}

func borderKey() key {
	return key{
		name: "border", def: none, words: []string{none},
		takes: "px:rrggbb with 1 to 1024 px, or none",
		set: func(s *Spec, parts []string) *fault {
			if len(parts) == 1 && parts[0] == none {
				s.Border = Border{}
				return nil
			}
			if len(parts) != 2 {
				return &fault{}
			}
			width, ok := readWhole(parts[0])
			if !ok || width < 1 || width > 1024 {
				return &fault{}
			}
			c, ok := readColor(parts[1], false)
			if !ok {
				return &fault{part: 1}
			}
			s.Border = Border{Width: width, Color: c}
			return nil
		},
		get: func(s *Spec) string {
			if s.Border == (Border{}) {
				return none
			}
			return strconv.Itoa(s.Border.Width) + ":" + string(s.Border.Color)
		},
	}
}

func radiusKey() key {
	k := scalar("radius", "0", "a whole number of pixels from 0 to 32767, or max",
		func(s *Spec) *int { return &s.Radius },
		func(v string) (int, bool) {
			if v == "max" {
				return RadiusMax, true
			}
			n, ok := readWhole(v)
			return n, ok && n <= 32767
		},
		func(n int) string {
			if n == RadiusMax {
				return "max"
			}
			return strconv.Itoa(n)
		})
	k.words = []string{"max"}
	return k
}

func watermarkKey() key {
	return key{
		name: "wm", def: none, words: []string{none},
		takes: "image:pos:scale:opacity:repeat:sha256, of which all but the id of the image may be left out " +
			"(a position or a point, 0.01 to 1, 0.01 to 1, 0 or 1, the digest its bytes must have), or none",
		set: func(s *Spec, parts []string) *fault {
			if len(parts) == 1 && parts[0] == none {
				s.WM = Watermark{}
				return nil
			}
			wm, f := readWatermark(parts)
			if f != nil {
				return f
			}
			s.WM = wm
			return nil
		},
		get: func(s *Spec) string {
			if s.WM == (Watermark{}) {
				return none
			}
			w := s.WM
			parts := []string{string(w.Image), w.Pos.String(), number(w.Scale), number(w.Opacity), bit(w.Repeat)}
			if w.SHA256 != "" {
				parts = append(parts, w.SHA256)
			}
			return strings.Join(parts, ":")
		},
	}
}

func readWatermark(parts []string) (Watermark, *fault) {
	if len(parts) > 6 {
		return Watermark{}, &fault{part: 6}
	}
	full := [6]string{"", "bottom-right", "0.25", "1", "0", ""}
	copy(full[:], parts)

	var wm Watermark
	var ok [6]bool
	id, err := core.ParseID(full[0])
	wm.Image, ok[0] = id, err == nil
	wm.Pos, ok[1] = readPosition(full[1])
	ok[1] = ok[1] && wm.Pos.Smart == ""
	wm.Scale, ok[2] = readWithin(full[2], 0.01, 1)
	wm.Opacity, ok[3] = readWithin(full[3], 0.01, 1)
	wm.Repeat, ok[4] = readBit(full[4])
	wm.SHA256, ok[5] = full[5], len(parts) < 6 || len(full[5]) == 64 && hexadecimal(full[5]) && strings.ToLower(full[5]) == full[5]
	for i := range ok {
		if !ok[i] {
			return Watermark{}, &fault{part: i}
		}
	}
	return wm, nil
}
