package engine

/*
#cgo pkg-config: vips gmodule-2.0
#cgo LDFLAGS: -ldl -Wl,--export-dynamic
#include <stdlib.h>
#include "bridge.h"
*/
import "C"

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unsafe"

	"imgd/core/transform"
)

// picture is an image of libvips: pixels, or the recipe for them. What it is made
// from lives as long as it does. Whoever makes one frees it.
type picture struct{ c *C.VipsImage }

func (p picture) free()          { C.g_object_unref(C.gpointer(p.c)) }
func (p picture) width() int     { return int(C.vips_image_get_width(p.c)) }
func (p picture) height() int    { return int(C.vips_image_get_height(p.c)) }
func (p picture) bands() int     { return int(C.vips_image_get_bands(p.c)) }
func (p picture) alpha() bool    { return C.vips_image_hasalpha(p.c) != 0 }
func (p picture) eightBit() bool { return C.vips_image_get_format(p.c) == C.VIPS_FORMAT_UCHAR }

// sampleBytes is the size of one sample of one pixel.
func (p picture) sampleBytes() int {
	return int(C.vips_format_sizeof(C.vips_image_get_format(p.c)))
}

// space is what the numbers of the pixels mean.
func (p picture) space() C.VipsInterpretation { return C.vips_image_guess_interpretation(p.c) }

func (p picture) field(name string, fallback int) int {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	return int(C.bridge_int(p.c, n, C.int(fallback)))
}

// delays are how long the frames of an animation are shown, in milliseconds.
func (p picture) delays() []int {
	var list *C.int
	n := C.bridge_delays(p.c, &list)
	delays := make([]int, n)
	for i, d := range unsafe.Slice(list, n) {
		delays[i] = int(d)
	}
	return delays
}

// samples are those of the pixels, row by row, as long as the picture lives. It is
// for one that is kept: another one is computed first.
func (p picture) samples() ([]byte, error) {
	mem := C.vips_image_get_data(p.c)
	if mem == nil {
		return nil, failure()
	}
	return unsafe.Slice((*byte)(mem), p.width()*p.height()*p.bands()*p.sampleBytes()), nil
}

// load opens a file with the loader that is named. The bytes must not move while
// the picture lives.
func load(loader string, data []byte, options string) (picture, error) {
	l, o := C.CString(loader), C.CString(options)
	defer C.free(unsafe.Pointer(l))
	defer C.free(unsafe.Pointer(o))
	var p picture
	if C.bridge_load(l, unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), o, &p.c) != 0 {
		return p, failure()
	}
	return p, nil
}

// join makes an animation of frames that are equally large.
func join(frames []picture, a animation) (picture, error) {
	list, delays := make([]*C.VipsImage, len(frames)), make([]C.int, len(frames))
	for i, f := range frames {
		list[i], delays[i] = f.c, C.int(a.delays[i])
	}
	var p picture
	if C.bridge_join(&list[0], C.int(len(list)), &delays[0], C.int(a.loop), &p.c) != 0 {
		return p, failure()
	}
	return p, nil
}

// swatch is a row of sRGB numbers that claims to be in like's colour space.
func swatch(like picture, rgb []byte) (picture, error) {
	var p picture
	if C.bridge_swatch(like.c, unsafe.Pointer(&rgb[0]), C.int(len(rgb)/3), &p.c) != 0 {
		return p, failure()
	}
	return p, nil
}

// bare is the picture without the metadata of its file.
func (p picture) bare() (picture, error) {
	var b picture
	if C.bridge_bare(p.c, &b.c) != 0 {
		return b, failure()
	}
	return b, nil
}

// encoded is a file that libvips wrote, in its memory.
type encoded struct {
	p      unsafe.Pointer
	n      int
	format transform.Format
	frames int
	// spliced is the file with what libvips did not write into it; nil if that is
	// nothing.
	spliced []byte
	exceeds bool // what the variant may have in bytes
}

func (e encoded) bytes() []byte {
	if e.spliced != nil {
		return e.spliced
	}
	return unsafe.Slice((*byte)(e.p), e.n)
}

func (e encoded) size() int { return len(e.bytes()) }
func (e encoded) free()     { C.g_free(C.gpointer(e.p)) }

func (p picture) save(saver, options string) (encoded, error) {
	s, o := C.CString(saver), C.CString(options)
	defer C.free(unsafe.Pointer(s))
	defer C.free(unsafe.Pointer(o))
	var e encoded
	var n C.size_t
	if C.bridge_save(s, p.c, o, &e.p, &n) != 0 {
		return e, failure()
	}
	e.n = int(n)
	return e, nil
}

// blob is a copy of what came with the file under a name of libvips, nil without.
func (p picture) blob(name string) []byte {
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	var at unsafe.Pointer
	length := C.bridge_blob(p.c, n, &at)
	return slices.Clone(unsafe.Slice((*byte)(at), int(length)))
}

// attach puts it on a picture that nobody else has.
func (p picture) attach(name string, b []byte) {
	if len(b) == 0 {
		return
	}
	n := C.CString(name)
	defer C.free(unsafe.Pointer(n))
	C.vips_image_set_blob_copy(p.c, n, unsafe.Pointer(&b[0]), C.size_t(len(b)))
}

// with is a picture like this one with other samples of a byte each.
func (p picture) with(samples []byte) (picture, error) {
	var q picture
	if C.bridge_with(p.c, unsafe.Pointer(&samples[0]), &q.c) != 0 {
		return q, failure()
	}
	return q, nil
}

// steps put a picture through one operation after the other. After an error
// nothing more happens. The picture it stands at is its own.
type steps struct {
	picture
	err error
	// done says that the picture is no longer the one it began with.
	done bool
	// small says that all of it, up to the file, is few pixels.
	small bool
	marks *marks // that may be laid over it
}

// from begins at p, which stays its owner's.
func from(p picture) *steps {
	C.g_object_ref(C.gpointer(p.c))
	return &steps{picture: p}
}

// do goes through the operation that is named.
func (s *steps) do(operation, options string, args ...any) {
	if s.err != nil {
		return
	}
	n, o := C.CString(operation), C.CString(fmt.Sprintf(options, args...))
	defer C.free(unsafe.Pointer(n))
	defer C.free(unsafe.Pointer(o))
	var next picture
	if C.bridge_run(n, s.c, o, &next.c) != 0 {
		s.err = failure()
		return
	}
	s.replace(next)
}

// over lays what is transparent over a colour that may be so too.
func (s *steps) over(rgba [4]uint8) {
	if s.err != nil {
		return
	}
	var c [4]C.double
	for i, v := range rgba {
		c[i] = C.double(v)
	}
	var next picture
	if C.bridge_over(s.c, &c[0], &next.c) != 0 {
		s.err = failure()
		return
	}
	s.replace(next)
}

// few is how many pixels are computed sooner than a thread for them is woken.
const few = 256 * 256

// keep computes the pixels, once and for all that follows: of a small picture all
// at once and right here, else strip by strip in a thread of libvips.
func (s *steps) keep() {
	if s.err != nil {
		return
	}
	var next picture
	if s.small && s.width()*s.height() <= few {
		C.bridge_keep(s.c, &next.c)
	} else {
		next.c = C.vips_image_copy_memory(s.c)
	}
	if next.c == nil {
		s.err = failure()
		return
	}
	s.replace(next)
}

func (s *steps) replace(next picture) {
	s.free()
	s.picture, s.done = next, true
}

// end gives up the picture the steps lead to, or their error.
func (s *steps) end() (picture, error) {
	if s.err != nil {
		s.free()
		return picture{}, s.err
	}
	return s.picture, nil
}

// profileLength is the length of the embedded colour profile, 0 without one and
// -1 if it does not suit the picture.
func (p picture) profileLength() int { return int(C.bridge_profile(p.c)) }

// failure takes the text that libvips left. Its buffer is one for all threads, so
// that of two failures at once either may tell both stories.
func failure() error {
	text := C.vips_error_buffer_copy()
	defer C.g_free(C.gpointer(text))
	lines := strings.Split(strings.TrimSpace(C.GoString(text)), "\n")
	return errors.New(strings.Join(lines, "; "))
}

// forget drops what is left of the texts about other files: what a loader puts up
// with, it leaves there too.
func forget() { C.vips_error_clear() }

// lean has Startup load no modules of libvips, loadModules those that are needed.
func lean() { C.bridge_lean() }

func loadModules(pdf bool) {
	var wanted C.int
	if pdf {
		wanted = 1
	}
	C.bridge_modules(wanted)
}

// writesAVIF reports whether there is an encoder.
func writesAVIF() bool { return C.bridge_avif() != 0 }

func blockUntrusted() { C.vips_block_untrusted_set(1) }

// trust lifts the block for one class of operations.
func trust(class string) {
	c := C.CString(class)
	defer C.free(unsafe.Pointer(c))
	C.bridge_trust(c)
}

func knows(operation string) bool {
	o := C.CString(operation)
	defer C.free(unsafe.Pointer(o))
	return C.bridge_knows(o) != 0
}

// threadEnds drops what libvips keeps for the calling thread.
func threadEnds() { C.vips_thread_shutdown() }
