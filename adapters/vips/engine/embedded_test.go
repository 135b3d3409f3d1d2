package engine

import (
	"encoding/json"
	"testing"

	"imgd/core/transform"
	"imgd/e2e/scene"
)

// said is what the facts of a file tell of it, by source and tag.
func said(t *testing.T, data []byte) (doc map[string]map[string]any) {
	t.Helper()
	_, f, err := attempt(t.Context(), data, variants(t, "w=20"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Embedded == nil {
		return nil
	}
	if err := json.Unmarshal(f.Embedded, &doc); err != nil {
		t.Fatalf("%s: %v", f.Embedded, err)
	}
	return doc
}

func TestWhatAFileSaysOfItselfIsReadInEveryFormat(t *testing.T) {
	under(t, func(o *Options) { o.KeepGPS = true })
	jpeg := withXMP(scene.WithGPS(photo(t, 300, 200), "a lake"))
	files := map[string][]byte{
		"jpeg": jpeg, "png": made(t, jpeg, "pngsave_buffer"), "webp": made(t, jpeg, "webpsave_buffer"),
	}
	if writes(transform.AVIF) { // libvips reads the XMP of some builds of libheif only
		files["avif"] = made(t, jpeg, "heifsave_buffer compression=av1,effort=0")
	}
	for name, data := range files {
		doc := said(t, data)
		if got := doc["exif"]["ImageDescription"]; got != "a lake" {
			t.Errorf("%s: the description is %v, want a lake", name, got)
		}
		if lat, long := doc["exif"]["GPSLatitude"], doc["exif"]["GPSLongitude"]; lat != 47.5 || long != 8.25 {
			t.Errorf("%s: it was taken at %v, %v; want 47.5, 8.25", name, lat, long)
		}
		if got := doc["xmp"]["Title"]; got != marker && name != "avif" {
			t.Errorf("%s: the title of the XMP is %v, want %s", name, got, marker)
		}
	}
	tiff := said(t, made(t, jpeg, "tiffsave_buffer"))
	if got := tiff["xmp"]["Title"]; got != marker {
		t.Errorf("tiff: the title of the XMP is %v, want %s", got, marker)
	}
	if got := tiff["exif"]["ImageWidth"]; got != 300.0 {
		t.Errorf("tiff: the width in its directory is %v, want 300", got)
	}
}

func TestWithoutLeaveNothingIsReadOfWhereAPictureWasTaken(t *testing.T) {
	doc := said(t, scene.WithGPS(photo(t, 300, 200), "a lake"))
	if got := doc["exif"]["ImageDescription"]; got != "a lake" {
		t.Errorf("the description is %v, want a lake", got)
	}
	for tag, v := range doc["exif"] {
		if tag[:3] == "GPS" {
			t.Errorf("the place is told: %s = %v", tag, v)
		}
	}
}

func TestAFileThatSaysNothingHasNoMetadata(t *testing.T) {
	for name, data := range map[string][]byte{"jpeg": jpegOf(t, flat(30, 20, red)), "png": pngOf(t, flat(30, 20, red)), "gif": film(t, 9, 9, []int{10}, 0, red, green)} {
		if doc := said(t, data); doc != nil {
			t.Errorf("%s: it says %v", name, doc)
		}
	}
}
