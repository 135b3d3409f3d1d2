// Package metadata chooses what of a file's metadata a variant carries, and writes
// it into files. It knows the packets, EXIF, XMP and IPTC, and where formats keep
// them; it does not decode pixels.
//
// Whatever is asked for, a packet is read and written anew, not copied: thumbnails,
// which show what may have been cut away, are left behind, and the orientation is
// upright, since the pixels are. What cannot be read is left out.
package metadata

import "imgd/core/transform"

// Carried is what a file has beside its pixels. EXIF is a TIFF structure without
// any prefix, IPTC the bare records, XMP the XML.
type Carried struct{ ICC, EXIF, XMP, IPTC []byte }

// Empty reports whether there is nothing to carry.
func (c Carried) Empty() bool {
	return len(c.ICC)+len(c.EXIF)+len(c.XMP)+len(c.IPTC) == 0
}

// Choose returns what m keeps of the packets. The profile is none of its concern.
func Choose(m transform.Meta, c Carried) Carried {
	if m == transform.MetaNone {
		return Carried{}
	}
	return Carried{EXIF: chooseEXIF(m, c.EXIF), XMP: chooseXMP(m, c.XMP), IPTC: chooseIPTC(m, c.IPTC)}
}

// Fitting returns what a format has a place for, and whether that is all.
func Fitting(f transform.Format, c Carried) (fitting Carried, all bool) {
	fitting = c
	switch f {
	case transform.GIF:
		return Carried{}, c.Empty()
	case transform.JPEG:
		fitting.EXIF, fitting.XMP, fitting.IPTC = below(c.EXIF, maxSegment), below(c.XMP, maxSegment), below(c.IPTC, maxSegment)
	case transform.TIFF:
	default:
		fitting.IPTC = nil
	}
	all = len(fitting.EXIF) == len(c.EXIF) && len(fitting.XMP) == len(c.XMP) && len(fitting.IPTC) == len(c.IPTC)
	return fitting, all
}

func below(b []byte, most int) []byte {
	if len(b) > most {
		return nil
	}
	return b
}

// Embed returns a file, as its encoder wrote it without metadata, with what is
// carried. The profile of a TIFF, AVIF or JPEG XL, and the XMP of the first two, it
// leaves to their encoders.
func Embed(f transform.Format, file []byte, c Carried) ([]byte, error) {
	c, _ = Fitting(f, c)
	switch f {
	case transform.JPEG:
		return intoJPEG(file, c)
	case transform.PNG:
		return intoPNG(file, c)
	case transform.WebP:
		return intoWebP(file, c)
	case transform.TIFF:
		return intoTIFF(file, c)
	case transform.AVIF:
		return intoAVIF(file, c.EXIF)
	case transform.JXL:
		return intoJXL(file, c)
	}
	return file, nil
}
