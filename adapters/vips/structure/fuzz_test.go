package structure

import (
	"bytes"
	"errors"
	"runtime"
	"slices"
	"testing"

	"imgd/core"
)

func FuzzSniff(f *testing.F) {
	for _, data := range sound(f) {
		f.Add(data[:min(len(data), SniffBytes)])
	}
	f.Add([]byte("\xef\xbb\xbf<?xml?><!-- --><svg>"))
	f.Fuzz(func(t *testing.T, head []byte) {
		before := bytes.Clone(head)
		format, ok := Sniff(head)
		if _, known := traits[format]; known != ok {
			t.Errorf("Sniff: got %q and %t, which contradict each other", format, ok)
		}
		if again, _ := Sniff(head[:min(len(head), SniffBytes)]); again != format {
			t.Errorf("Sniff: got %q of the whole and %q of its first %d bytes", format, again, SniffBytes)
		}
		if !bytes.Equal(before, head) {
			t.Error("Sniff changed what it looked at")
		}
	})
}

// FuzzPDF: that of a PDF promises no dimensions.
func FuzzPDF(f *testing.F) {
	f.Add(pdfFile())
	f.Add([]byte("%PDF-1.4\n/Width 99999999999999999999/Encrypt 1 0 R\nstartxref 0 %%EOF"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := Walk(PDF, bytes.NewReader(data), int64(len(data)), Limits{})
		if e, ok := errors.AsType[*core.Error](err); err != nil && (!ok || e.Detail == "") {
			t.Errorf("Walk: got %v, want one of its refusals", err)
		}
	})
}

// FuzzWalk holds Walk to its promises: no panic, no memory beyond its windows,
// only the errors it names, and dimensions within the limits.
func FuzzWalk(f *testing.F) {
	formats := []Format{JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, JXL}
	for which, format := range formats {
		f.Add(byte(which), sound(f)[format])
	}
	f.Add(byte(1), smallPNG(chunk("zTXt", "k\x00\x00"+deflated("text")), chunk("iTXt", "k\x00\x01\x00\x00\x00"+deflated("text"))))
	f.Add(byte(0), []byte(soi+frameHeader(0xC2, 8, 8)+scanHeader()+"\xff\x00\xff\xd0"+eoi))
	f.Add(byte(7), sized(64, 48))
	f.Add(byte(7), slices.Concat(jxlHead, isoBox("jxlp", append(make([]byte, 4), sized(64, 48)...)), isoBox("jxlp", []byte{0x80, 0, 0, 1, 7})))
	limits := Limits{MaxSide: 5000, MaxPixels: 1 << 20, MetadataBytes: 1 << 16}
	refusals := []core.Slug{core.ImageTruncated, core.ImageUndecodable, core.ImageTooLarge,
		core.ImageTooComplex, core.MetadataTooLarge, core.TooManyFrames}
	f.Fuzz(func(t *testing.T, which byte, data []byte) {
		format := formats[int(which)%len(formats)]
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		o, err := Walk(format, bytes.NewReader(data), int64(len(data)), limits)
		runtime.ReadMemStats(&after)

		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+uint64(len(data)) {
			t.Errorf("Walk of %d bytes took %d bytes of memory", len(data), took)
		}
		if o.Width > limits.MaxSide || o.Height > limits.MaxSide || int64(o.Width)*int64(o.Height) > limits.MaxPixels {
			t.Errorf("Walk: got %d x %d, beyond the limits", o.Width, o.Height)
		}
		if err == nil {
			if o.Width < 1 || o.Height < 1 || o.Frames < 1 || o.MetadataBytes > limits.MetadataBytes {
				t.Errorf("Walk: accepted %+v", o)
			}
			return
		}
		if e, ok := errors.AsType[*core.Error](err); !ok || !slices.Contains(refusals, e.Slug) || e.Detail == "" {
			t.Errorf("Walk: got %v, want one of its refusals", err)
		}
	})
}
