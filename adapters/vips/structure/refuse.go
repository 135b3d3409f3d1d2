package structure

import (
	"fmt"
	"math"

	"imgd/core"
)

// damaged refuses a file that breaks the rules of its format.
func damaged(f Format, format string, args ...any) error {
	return core.ImageUndecodable.Errorf("the %s is damaged: %s; open it in an image editor and save it again",
		f.title(), fmt.Sprintf(format, args...))
}

// cutOff refuses a file that ends before what it announces.
func cutOff(f Format, where string) error {
	return core.ImageTruncated.Errorf("the %s ends %s: it was probably cut off; send the whole file", f.title(), where)
}

// tooComplex refuses a file with more of something than an honest one needs.
func tooComplex[N int | int64 | uint64](f Format, what string, limit int, actual N) error {
	return core.ImageTooComplex.Errorf("the %s has more than %d %s; save it again in an ordinary way", f.title(), limit, what).
		With("limit", limit).With("actual", actual)
}

func tooManyFrames(f Format, actual int64) error {
	return core.TooManyFrames.Errorf("the %s has more than %d frames; send a shorter animation", f.title(), countedFrames).
		With("limit", countedFrames).With("actual", actual)
}

// setSize takes the dimensions if they are within the limits.
func (o *Outline) setSize(l Limits, width, height int64) error {
	if width <= 0 || height <= 0 {
		return damaged(o.Format, "it says that it is %d x %d pixels large", width, height)
	}
	if side := max(width, height); side > int64(l.MaxSide) {
		return core.ImageTooLarge.Errorf("the %s is %d x %d pixels large, of which a side may have %d; scale it down before sending it",
			o.Format.title(), width, height, l.MaxSide).With("limit", l.MaxSide).With("actual", side)
	}
	pixels := int64(math.MaxInt64)
	if height <= math.MaxInt64/width {
		pixels = width * height
	}
	if pixels > l.MaxPixels {
		return core.ImageTooLarge.Errorf("the %s is %d x %d pixels large, which is more than %d pixels; scale it down before sending it",
			o.Format.title(), width, height, l.MaxPixels).With("limit", l.MaxPixels).With("actual", pixels)
	}
	o.Width, o.Height = int(width), int(height)
	return nil
}

// addMetadata counts n more bytes of metadata against the limit.
func (o *Outline) addMetadata(l Limits, n int64) error {
	o.MetadataBytes += min(n, math.MaxInt64-o.MetadataBytes)
	if o.MetadataBytes <= l.MetadataBytes {
		return nil
	}
	return core.MetadataTooLarge.Errorf("the %s carries more than %d bytes of metadata; strip its EXIF, XMP, colour profile and texts and send it again",
		o.Format.title(), l.MetadataBytes).With("limit", l.MetadataBytes).With("actual", o.MetadataBytes)
}
