package engine

import (
	"cmp"
	"slices"
)

// reduced is the picture with at most so many colours, and how its saver dithers.
// The savers know powers of two only: what they can do they are left to do, since
// they do it best.
func (p plate) reduced(colours int) (few picture, dither string, err error) {
	if colours == 256 {
		s := from(p.picture)
		few, err = s.end()
		return few, "dither=1", err
	}
	s := from(p.picture)
	s.coloured()
	s.keep()
	kept, err := s.end()
	if err != nil {
		return kept, "", err
	}
	defer kept.free()
	samples, err := kept.samples()
	if err != nil {
		return picture{}, "", err
	}
	few, err = kept.with(dithered(samples, kept.bands(), kept.width(), colours))
	return few, "dither=0", err
}

// tone is a colour and how many pixels have it.
type tone struct {
	c [4]uint8
	n int
}

// dithered returns the samples in at most so many colours, the error of each pixel
// spread over its neighbours.
func dithered(samples []byte, bands, width, colours int) []byte {
	chosen := palette(samples, bands, colours)
	out := make([]byte, len(samples))
	row := width * bands
	// The errors of this row and of the next, with a pixel of margin on both sides.
	here, below := make([]int, row+2*bands), make([]int, row+2*bands)
	near := matches{chosen: chosen, exact: map[[4]uint8]int{}, rough: map[[4]uint8]int{}}
	for at := 0; at < len(samples); at += row {
		for x := 0; x < row; x += bands {
			var want [4]uint8
			for b := range bands {
				want[b] = uint8(min(max(int(samples[at+x+b])+here[x+bands+b]/16, 0), 255)) // #nosec G115 -- bounded
			}
			i := near.to(want)
			for b := range bands {
				got := chosen[i][b]
				out[at+x+b] = got
				e := int(want[b]) - int(got)
				here[x+2*bands+b] += 7 * e
				below[x+b] += 3 * e
				below[x+bands+b] += 5 * e
				below[x+2*bands+b] += e
			}
		}
		here, below = below, here
		clear(below)
	}
	return out
}

// palette chooses colours by cutting the box that varies most in two, until there
// are enough.
func palette(samples []byte, bands, colours int) [][4]uint8 {
	boxes := [][]tone{histogram(samples, bands)}
	for len(boxes) < colours {
		i, channel := widest(boxes)
		if i < 0 {
			break
		}
		a, b := halves(boxes[i], channel)
		boxes[i] = a
		boxes = append(boxes, b)
	}
	chosen := make([][4]uint8, len(boxes))
	for i, box := range boxes {
		chosen[i] = mean(box)
	}
	return chosen
}

// histogram counts colours, at a fraction of their precision where there are many.
func histogram(samples []byte, bands int) []tone {
	const many = 1 << 14
	for coarse := uint8(0xff); ; coarse <<= 1 {
		counts := map[[4]uint8]int{}
		for at := 0; at < len(samples) && len(counts) <= many; at += bands {
			var c [4]uint8
			copy(c[:], samples[at:at+bands])
			for b := range bands {
				c[b] &= coarse
			}
			counts[c]++
		}
		if len(counts) > many {
			continue
		}
		tones := make([]tone, 0, len(counts))
		for c, n := range counts {
			for b := range bands {
				c[b] |= c[b] >> 5 &^ coarse // the middle of what was cut off, and 255 for the last
			}
			tones = append(tones, tone{c, n})
		}
		slices.SortFunc(tones, func(a, b tone) int { return slices.Compare(a.c[:], b.c[:]) })
		return tones
	}
}

// widest returns the box and the channel of the most variance, -1 when no box has
// two colours.
func widest(boxes [][]tone) (box, channel int) {
	box, most := -1, 0.0
	for i, tones := range boxes {
		if len(tones) < 2 {
			continue
		}
		for c := range 4 {
			if v := variance(tones, c); box < 0 || v > most {
				box, channel, most = i, c, v
			}
		}
	}
	return box, channel
}

// variance is that of a channel times the number of pixels.
func variance(tones []tone, c int) float64 {
	var n, sum, squares float64
	for _, t := range tones {
		v, w := float64(t.c[c]), float64(t.n)
		n, sum, squares = n+w, sum+v*w, squares+v*v*w
	}
	return squares - sum*sum/n
}

// halves cuts a box where the mean of a channel is.
func halves(tones []tone, c int) (low, high []tone) {
	slices.SortStableFunc(tones, func(a, b tone) int { return cmp.Compare(a.c[c], b.c[c]) })
	middle := mean(tones)[c]
	i, _ := slices.BinarySearchFunc(tones, middle, func(t tone, m uint8) int {
		if t.c[c] <= m {
			return -1
		}
		return 1
	})
	i = min(max(i, 1), len(tones)-1)
	return tones[:i:i], tones[i:]
}

func mean(tones []tone) (m [4]uint8) {
	n, sum := 0, [4]int{}
	for _, t := range tones {
		n += t.n
		for c := range 4 {
			sum[c] += int(t.c[c]) * t.n
		}
	}
	for c := range 4 {
		m[c] = uint8((sum[c] + n/2) / n) // #nosec G115 -- a mean of bytes
	}
	return m
}

// matches tell which of the chosen colours is nearest to another: where there are many,
// only to about as much as the eye sees, or a large photo would take minutes.
type matches struct {
	chosen       [][4]uint8
	exact, rough map[[4]uint8]int
}

func (n matches) to(want [4]uint8) int {
	const many = 1 << 16
	if i, ok := n.exact[want]; ok {
		return i
	}
	if len(n.exact) < many {
		n.exact[want] = nearest(n.chosen, want)
		return n.exact[want]
	}
	for b := range want {
		want[b] = want[b]&^7 | 4
	}
	i, ok := n.rough[want]
	if !ok {
		i = nearest(n.chosen, want)
		n.rough[want] = i
	}
	return i
}

func nearest(chosen [][4]uint8, want [4]uint8) (best int) {
	least := 1 << 30
	for i, c := range chosen {
		d := 0
		for b := range 4 {
			e := int(c[b]) - int(want[b])
			d += e * e
		}
		if d < least {
			best, least = i, d
		}
	}
	return best
}
