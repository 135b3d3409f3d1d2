package transform

import "imgd/core"

// maxCanvas is the most pixels a box may have that the result fills whatever the
// size of the original: 16384 x 16384.
const maxCanvas = 1 << 28

// rule is something that keys must not say together. The key to blame is never at
// its default then, so it stands in the text.
type rule struct {
	key    string
	broken func(Spec) bool
	detail string
}

var rules = []rule{
	{"fit", func(s Spec) bool { return s.boxed() && (s.W == 0 || s.H == 0) },
		"fit=cover, fit=fill and fit=pad need both w and h"},
	{"up", func(s Spec) bool { return s.Up && s.Fit == FitScaleDown },
		"up=1 contradicts fit=scale-down, which never enlarges; add fit=contain"},
	{"pos", func(s Spec) bool { return s.Pos != Center && s.Fit != FitCover && s.Fit != FitPad },
		"pos needs fit=cover or fit=pad; no other fit has room to choose a position"},
	{"pos", func(s Spec) bool { return s.Pos.Smart != "" && s.Fit != FitCover },
		"pos=entropy and pos=attention need fit=cover: they choose what a crop keeps"},
	{"lossless", func(s Spec) bool { return s.Lossless && !formats[s.Fmt].lossless },
		"lossless=1 needs " + formatsThat(func(t traits) bool { return t.lossless })},
	{"progressive", func(s Spec) bool { return s.Progressive && !formats[s.Fmt].progressive },
		"progressive=1 needs " + formatsThat(func(t traits) bool { return t.progressive })},
	{"chroma", func(s Spec) bool { return s.Chroma == Chroma444 && !formats[s.Fmt].chroma },
		"chroma=444 needs " + formatsThat(func(t traits) bool { return t.chroma })},
	{"palette", func(s Spec) bool { return s.Palette != 0 && !formats[s.Fmt].palette },
		"palette needs " + formatsThat(func(t traits) bool { return t.palette })},
	{"maxbytes", func(s Spec) bool { return s.MaxBytes != 0 && !formats[s.Fmt].quality },
		"maxbytes lowers the quality, so it needs " + formatsThat(func(t traits) bool { return t.quality })},
	{"maxbytes", func(s Spec) bool { return s.MaxBytes != 0 && s.Lossless },
		"maxbytes lowers the quality, which lossless=1 forbids; choose one of them"},
}

// breach is a broken rule and the key to blame.
type breach struct {
	key string
	err *core.Error
}

// breach returns the first rule that s breaks, or nil.
func (s Spec) breach() *breach {
	for _, r := range rules {
		if r.broken(s) {
			return &breach{r.key, core.InvalidTransform.Errorf("%s", r.detail)}
		}
	}
	return s.oversize()
}

// boxed reports whether the fit needs both sides of its box.
func (s Spec) boxed() bool { return s.Fit == FitCover || s.Fit == FitFill || s.Fit == FitPad }

// oversize refuses sizes that are known already and that the format cannot hold.
func (s Spec) oversize() *breach {
	s = s.Scaled()
	most := s.Fmt.MaxSide()
	w, h := s.W, s.H
	if pixels := w * h; (s.Up || s.Fit == FitPad) && pixels > maxCanvas {
		return &breach{"w", core.InvalidTransform.Errorf("w and h times dpr ask for %d pixels; the most is %d", pixels, maxCanvas).
			With("limit", maxCanvas).With("actual", pixels)}
	}
	across, down := s.Pad[1]+s.Pad[3]+2*s.Border.Width, s.Pad[0]+s.Pad[2]+2*s.Border.Width
	if s.Rot == 90 || s.Rot == 270 {
		across, down = down, across // the frame comes after the turn
	}
	for _, side := range []struct {
		key         string
		size, frame int
	}{{"w", w, across}, {"h", h, down}} {
		if side.size == 0 || side.size+side.frame <= most {
			continue
		}
		return &breach{side.key, core.InvalidTransform.Errorf(
			"%s times dpr, with pad and border, comes to %d px; fmt=%s holds at most %d",
			side.key, side.size+side.frame, s.Fmt, most).With("limit", most).With("actual", side.size+side.frame)}
	}
	return nil
}
