package engine

import (
	"fmt"
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
	case starved(text):
		return core.ImageTooComplex.Errorf("decoding the %s takes more memory than there is for it; scale it down before sending it", f).Because(err)
	case f == structure.PDF && says(text, "encrypted", "password"):
		return core.ImageUndecodable.Errorf("the PDF is encrypted; save it without encryption and send it again").Because(err)
	case says(text, "premature end of jpeg", "truncated", "end of stream", "unexpected end", "end of file", "not enough data", "fewer bytes"):
		return core.ImageTruncated.Errorf("the %s ends too early: it was probably cut off; send the whole file", f).Because(err)
	}
	return core.ImageUndecodable.Errorf("the %s is damaged; open it in an image editor and save it again", f).Because(err)
}

// ours is explain for a step after decoding, which the file is not to blame for.
func ours(step string, err error) error {
	switch {
	case err == nil:
		return nil
	case starved(strings.ToLower(err.Error())):
		return core.ImageTooComplex.Errorf("making this takes more memory than there is for it; ask for something smaller").Because(err)
	}
	return fmt.Errorf("%s: %w", step, err)
}

// starved also knows the words of webpsave, which keeps the reason to itself: nothing
// else is left, as its dimensions were looked at before. A thread needs memory for its
// stack.
func starved(text string) bool {
	return says(text, "out of memory", "unable to allocate", "cannot allocate", "insufficient memory", "picture memory error", "webpsave: unable to encode", "failed to allocate", "error creating thread")
}

func says(text string, phrases ...string) bool {
	for _, p := range phrases {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}
