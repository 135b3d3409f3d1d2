package transform

// table is the language: each key once, in the order that gives the steps their
// meaning and the canonical form its shape. A default of none makes none a value.
// Reordering, renaming or another default changes the digest of every rendition
// there is.
var table = []key{
	// source
	whole("page", "0", 0, 9999, func(s *Spec) *int { return &s.Page }),
	toggle("anim", "1", func(s *Spec) *bool { return &s.Anim }).aka("animation"),
	decimal("dpr", "1", 0.1, 8, func(s *Spec) *float64 { return &s.DPR }),

	// geometry
	whole("trim", "none", 1, 254, func(s *Spec) *int { return &s.Trim }),
	cropKey(),
	whole("w", "none", 1, MaxSide, func(s *Spec) *int { return &s.W }).aka("width"),
	whole("h", "none", 1, MaxSide, func(s *Spec) *int { return &s.H }).aka("height"),
	choice("fit", "scale-down", func(s *Spec) *Fit { return &s.Fit },
		FitScaleDown, FitContain, FitCover, FitFill, FitPad).aka("resize"),
	toggle("up", "0", func(s *Spec) *bool { return &s.Up }).aka("upscale", "enlarge"),
	positionKey(),
	angle("rot", func(s *Spec) *float64 { return &s.Rot }).aka("rotate", "rotation"),
	choice("flip", "none", func(s *Spec) *Flip { return &s.Flip },
		FlipNone, FlipH, FlipV, FlipHV).aka("mirror"),

	// pixels
	decimal("blur", "0", 0, 250, func(s *Spec) *float64 { return &s.Blur }),
	decimal("sharpen", "0", 0, 10, func(s *Spec) *float64 { return &s.Sharpen }),
	whole("pixelate", "none", 2, 1024, func(s *Spec) *int { return &s.Pixelate }),
	decimal("brightness", "1", 0, 10, func(s *Spec) *float64 { return &s.Brightness }),
	decimal("contrast", "1", 0, 10, func(s *Spec) *float64 { return &s.Contrast }),
	decimal("saturation", "1", 0, 10, func(s *Spec) *float64 { return &s.Saturation }),
	angle("hue", func(s *Spec) *float64 { return &s.Hue }),
	toggle("gray", "0", func(s *Spec) *bool { return &s.Gray }).aka("grayscale", "greyscale"),
	color("tint", false, func(s *Spec) *Color { return &s.Tint }),
	toggle("linear", "0", func(s *Spec) *bool { return &s.Linear }),

	// frame
	color("bg", true, func(s *Spec) *Color { return &s.BG }).aka("background"),
	padKey().aka("padding"),
	borderKey(),
	radiusKey().aka("round"),
	watermarkKey().aka("watermark"),

	// encoding
	choice("fmt", "webp", func(s *Spec) *Format { return &s.Fmt },
		WebP, AVIF, JPEG, PNG, GIF, TIFF, JXL, Auto).aka("format"),
	whole("q", "85", 1, 100, func(s *Spec) *int { return &s.Q }).aka("quality"),
	toggle("lossless", "0", func(s *Spec) *bool { return &s.Lossless }),
	whole("effort", "4", 0, 9, func(s *Spec) *int { return &s.Effort }),
	toggle("progressive", "0", func(s *Spec) *bool { return &s.Progressive }).aka("interlace"),
	choice("chroma", "420", func(s *Spec) *Chroma { return &s.Chroma }, Chroma420, Chroma444).aka("subsampling"),
	whole("palette", "none", 2, 256, func(s *Spec) *int { return &s.Palette }).aka("colors"),
	whole("maxbytes", "none", 256, 100<<20, func(s *Spec) *int { return &s.MaxBytes }).aka("filesize"),
	choice("meta", "none", func(s *Spec) *Meta { return &s.Meta },
		MetaNone, MetaCopyright, MetaNoGPS, MetaKeep).aka("metadata"),
	choice("icc", "srgb", func(s *Spec) *ICC { return &s.ICC }, ICCSRGB, ICCP3, ICCKeep).aka("profile"),
}

// key is one word of the language.
type key struct {
	name  string
	def   string   // its default, in the canonical form
	takes string   // completes the sentence "name takes ..."
	also  []string // words strangers try instead, for suggestions
	words []string // values that are words, for suggestions

	// set reads a value that was split at its colons; nil means it was understood.
	set func(*Spec, []string) *fault
	// get writes the value in the canonical form.
	get func(*Spec) string
}

// fault is a value that was not understood.
type fault struct {
	part int    // which of the parts is to blame
	why  string // instead of the sentence that says what the key takes
}

func (k key) aka(words ...string) key {
	k.also = words
	return k
}

// find returns the key called name, or nil.
func find(name string) *key {
	for i := range table {
		if table[i].name == name {
			return &table[i]
		}
	}
	return nil
}
