package engine

import (
	"bytes"
	"fmt"

	"imgd/adapters/vips/metadata"
	"imgd/adapters/vips/structure"
	"imgd/core/transform"
)

// carry gives an order what its variant carries of the page's metadata, as far as
// the format has a place for it.
func (s *source) carry(o *order) error {
	if o.spec.Meta == transform.MetaNone {
		return nil
	}
	packets, err := s.packets()
	if err != nil {
		return err
	}
	chosen := metadata.Choose(o.spec.Meta, packets)
	var all bool
	if o.carried, all = metadata.Fitting(o.spec.Fmt, chosen); !all {
		o.warn("metadata-dropped", "a "+string(o.spec.Fmt)+" has no place for part of the metadata that was to be kept")
	}
	return nil
}

// packets are those of the page, read once.
func (s *source) packets() (metadata.Carried, error) {
	if s.carried != nil {
		return *s.carried, nil
	}
	header, err := s.load(false, sizing{shrink: 1})
	if err != nil {
		return metadata.Carried{}, err
	}
	defer header.free()
	s.carried = &metadata.Carried{EXIF: header.blob("exif-data"), XMP: header.blob("xmp-data"), IPTC: header.blob("iptc-data")}
	for i := 0; s.carried.XMP == nil && i < 16; i++ { // libvips has no better name for it
		if b := header.blob(fmt.Sprintf("heif-mime-%d", i)); bytes.Contains(b, []byte("adobe:ns:meta")) {
			s.carried.XMP = b
		}
	}
	if s.format == structure.TIFF {
		s.carried.EXIF = s.data // its directories are what an EXIF is made of
	}
	return *s.carried, nil
}
