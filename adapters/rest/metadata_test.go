package rest_test

import (
	"slices"
	"testing"

	"imgd/core"
)

// embedded is what the tests read of a file's own metadata.
type embedded struct {
	ImageID         string `json:"image_id"`
	EXIF, IPTC, XMP map[string]any
}

func TestTheMetadataOfAFileIsForItsOwner(t *testing.T) {
	s := open(t)
	s.Render.Embedded = `{"exif":{"Make":"Acme <x>","ISO":200,"ExposureTime":0.004,"GPSLatitude":47.5},"iptc":{"Keywords":["lake","dawn"]},"xmp":{}}`
	j := s.upload(t, "x")
	path := "/v1/images/" + j.ImageID + "/metadata"
	if before := read[embedded](t, s.get(t, path).want(t, 200)); before.ImageID != j.ImageID || before.EXIF == nil || len(before.EXIF) != 0 {
		t.Errorf("before a job has seen it the metadata is %+v, want three empty objects", before)
	}
	s.run(t)
	for _, who := range []string{"ann", "admin"} {
		a := s.get(t, path, "Authorization", "Bearer "+who).want(t, 200)
		m := read[embedded](t, a)
		if m.ImageID != j.ImageID || m.EXIF["Make"] != "Acme <x>" || m.EXIF["ISO"] != 200.0 || m.EXIF["ExposureTime"] != 0.004 || m.EXIF["GPSLatitude"] != 47.5 {
			t.Errorf("to %s the EXIF is %v", who, m.EXIF)
		}
		if list, _ := m.IPTC["Keywords"].([]any); !slices.Equal(list, []any{"lake", "dawn"}) || m.XMP == nil || len(m.XMP) != 0 {
			t.Errorf("to %s the IPTC is %v, the XMP %v", who, m.IPTC, m.XMP)
		}
		if got := a.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("Cache-Control is %q, want no-store", got)
		}
	}
	for who, status := range map[string]int{"writer": 403, "reader": 403, "scopeless": 403, "stranger": 404} {
		s.get(t, path, "Authorization", "Bearer "+who).want(t, status)
		s.get(t, "/v1/images/"+j.ImageID+"/original", "Authorization", "Bearer "+who).want(t, status) // the same rule
	}
	s.get(t, path, "Authorization", "").want(t, 401)
	s.get(t, path+"?x=1").want(t, 400)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil).want(t, 204)
	s.get(t, path).want(t, 404)
}

func TestAFileWithoutMetadataSaysNothing(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	s.run(t)
	m := read[embedded](t, s.get(t, "/v1/images/"+j.ImageID+"/metadata").want(t, 200))
	if m.EXIF == nil || m.IPTC == nil || m.XMP == nil || len(m.EXIF)+len(m.IPTC)+len(m.XMP) != 0 {
		t.Errorf("the metadata is %+v, want three empty objects", m)
	}
}

func TestAnImageHasItsPaletteAndHashesWhenAJobHasSeenIt(t *testing.T) {
	s := open(t)
	j := s.upload(t, "x")
	path := "/v1/images/" + j.ImageID
	if m := read[image](t, s.get(t, path).want(t, 200)); m.Palette == nil || len(m.Palette) != 0 || m.Thumbhash != nil || m.Phash != nil {
		t.Errorf("before it was seen, the palette is %v and the hashes are %v, %v; want an empty list and null", m.Palette, m.Thumbhash, m.Phash)
	}
	s.run(t)
	m := read[image](t, s.get(t, path).want(t, 200))
	if !slices.Equal(m.Palette, core.Palette{"#102030", "#f0e0d0"}) || m.Thumbhash == nil || *m.Thumbhash != "0AEijwEI9wiIh4hwj3CI+AiIcH/4AAAA" || m.Phash == nil || *m.Phash != "00ff00ff00ff00ff" {
		t.Errorf("the palette is %v and the hashes are %v, %v", m.Palette, m.Thumbhash, m.Phash)
	}
}
