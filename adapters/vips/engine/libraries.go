package engine

// #cgo LDFLAGS: -ldl -lpthread
// #include <stdlib.h>
// #include "libraries.h"
import "C"

import (
	"fmt"
	"regexp"
	"syscall"
	"unsafe"

	"github.com/davidbyttow/govips/v2/vips"
)

// Versions are those of libvips and of the libraries that decode and encode for it,
// as far as they can be asked and are there.
func Versions() map[string]string {
	all := map[string]string{"libvips": vips.Version}
	for name, symbol := range map[string]string{
		"libheif": "heif_get_version", "libde265": "de265_get_version", "libaom": "aom_codec_version_str", "dav1d": "dav1d_version",
		"libtiff": "TIFFGetVersion", "libspng": "spng_version_string", "poppler": "poppler_get_version",
	} {
		if v := number.FindString(text(symbol)); v != "" {
			all[name] = v
		}
	}
	for name, l := range map[string]struct {
		symbol              string
		major, minor, patch uint // what a step of each is worth
	}{
		"libwebp": {"WebPGetDecoderVersion", 1 << 16, 1 << 8, 1},
		"libpng":  {"png_access_version_number", 10000, 100, 1},
		"lcms2":   {"cmsGetEncodedCMMversion", 1000, 10, 1},
		"libjxl":  {"JxlDecoderVersion", 1e6, 1e3, 1},
	} {
		symbol := C.CString(l.symbol)
		n := uint(C.libraries_number(symbol))
		C.free(unsafe.Pointer(symbol))
		if n != 0 {
			all[name] = fmt.Sprintf("%d.%d.%d", n/l.major, n%l.major/l.minor, n%l.minor/l.patch)
		}
	}
	if v := C.libraries_jemalloc(); v != nil {
		all["jemalloc"] = number.FindString(C.GoString(v))
	}
	return all
}

var number = regexp.MustCompile(`[0-9]+(\.[0-9]+)+`)

func text(symbol string) string {
	s := C.CString(symbol)
	defer C.free(unsafe.Pointer(s))
	return C.GoString(C.libraries_text(s))
}

// ReadFromThread opens a file in a thread of C: a way to the system past Go.
func ReadFromThread(name string) error {
	s := C.CString(name)
	defer C.free(unsafe.Pointer(s))
	if errno := C.libraries_read(s); errno != 0 {
		return syscall.Errno(errno)
	}
	return nil
}
