package engine

// #include <stdlib.h>
// #include <vips/vips.h>
import "C"

import (
	"unsafe"

	"imgd/adapters/vips/embedded"
	"imgd/adapters/vips/structure"
)

// maxBlock is the most one block of the metadata may have to be looked at.
const maxBlock = 256 << 10

// blocks takes what the file says of itself. That of a TIFF file is all over it.
func (s *source) blocks(header picture) embedded.Blocks {
	b := embedded.Blocks{
		EXIF: header.block(C.VIPS_META_EXIF_NAME), IPTC: header.block(C.VIPS_META_IPTC_NAME), XMP: header.block(C.VIPS_META_XMP_NAME),
	}
	if s.format == structure.TIFF {
		b.EXIF = s.data
	}
	return b
}

// block is a copy of what the file has under a name, nil when that is nothing, or
// too much.
func (p picture) block(name string) []byte {
	key := C.CString(name)
	defer C.free(unsafe.Pointer(key))
	if C.vips_image_get_typeof(p.c, key) != C.vips_blob_get_type() {
		return nil
	}
	var data unsafe.Pointer
	var n C.size_t
	if C.vips_image_get_blob(p.c, key, &data, &n) != 0 || n > maxBlock { // #nosec G103 -- libvips hands out its own
		return nil
	}
	return C.GoBytes(data, C.int(n)) // #nosec G115 -- at most maxBlock
}
