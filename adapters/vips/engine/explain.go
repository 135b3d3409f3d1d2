package engine

import (
	"strings"

	"imgd/adapters/vips/structure"
	"imgd/core"
)

// explain says what an error of libvips about a file means for whoever sent it.
// The texts are those of its loaders and of the libraries under them.
func explain(f structure.Format, err error) error {
	if err == nil {
		return nil
	}
	text := strings.ToLower(err.Error())
	switch {
	case says(text, "out of memory", "unable to allocate", "cannot allocate", "insufficient memory"):
		return core.ImageTooComplex.Errorf("decoding the %s takes more memory than there is for it; scale it down before sending it", f).Because(err)
	case says(text, "premature end", "truncated", "end of stream", "unexpected end", "end of file", "end of data", "read error", "not enough data", "fewer bytes"):
		return core.ImageTruncated.Errorf("the %s ends too early: it was probably cut off; send the whole file", f).Because(err)
	}
	return core.ImageUndecodable.Errorf("the %s is damaged; open it in an image editor and save it again", f).Because(err)
}

func says(text string, phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
