package portstest

import (
	"encoding/json"
	"testing"

	"imgd/core"
	"imgd/ports"
)

// seen are the facts of a picture whose file speaks of itself.
func seen() *core.Facts {
	return &core.Facts{
		DominantColor: "#112233", AverageColor: "#445566", Blurhash: "LEHV6nWB2yk8", Palette: core.Palette{"#112233", "#fedcba"},
		Thumbhash: "0AEijwEI9wiIh4hwj3CI+AiIcH/4AAAA", Phash: "7edcba9876543210",
		Embedded: json.RawMessage(`{"exif":{"Make":"Acme & Söhne","ISO":200,"ExposureTime":0.004},"iptc":{"Keywords":["lake","dawn"]},"xmp":{}}`),
	}
}

// expectFacts compares what is kept of an image with what was seen of it.
func expectFacts(t *testing.T, s *Store, m core.Image, want *core.Facts) {
	t.Helper()
	got := &core.Facts{
		DominantColor: m.DominantColor, AverageColor: m.AverageColor, Blurhash: m.Blurhash,
		Palette: m.Palette, Thumbhash: m.Thumbhash, Phash: m.Phash, Embedded: want.Embedded,
	}
	expect(t, "the facts of the image", got, want)
	document, err := s.Images.Embedded(t.Context(), m.Tenant, m.ID)
	if err != nil {
		t.Errorf("Embedded = %v, want what the file says of itself", err)
		return
	}
	expect(t, "what the file says of itself", decoded(t, document), decoded(t, want.Embedded))
}

func decoded(t *testing.T, document json.RawMessage) (v any) {
	t.Helper()
	if err := json.Unmarshal(document, &v); err != nil {
		t.Fatalf("%q is no JSON: %v", document, err)
	}
	return v
}

func expectNothingEmbedded(t *testing.T, s *Store, when, tenant string, id core.ID) {
	t.Helper()
	if document, err := s.Images.Embedded(t.Context(), tenant, id); core.KindOf(err) != core.NotFound {
		t.Errorf("%s Embedded = %q, %v, want a NotFound", when, document, err)
	}
}

// imagesFacts follows the facts of an image from nothing to its end.
func imagesFacts(t *testing.T, s *Store) {
	a := s.admit(t)
	if m := s.record(t, a.Image.ID).Image; len(m.Palette) != 0 || m.Thumbhash != "" || m.Phash != "" {
		t.Errorf("a new image has the facts %v, %q, %q, want none", m.Palette, m.Thumbhash, m.Phash)
	}
	expectNothingEmbedded(t, s, "before anything was seen", acme, a.Image.ID)
	first := seen()
	first.Embedded = nil
	s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Facts: first})
	expectNothingEmbedded(t, s, "of a file that says nothing", acme, a.Image.ID)
	second := seen()
	second.Palette, second.Embedded = core.Palette{}, json.RawMessage(`{"exif":{},"iptc":{},"xmp":{"Title":"old"}}`)
	s.finish(t, s.claim(t, "w1", a.Job.ID), ports.Result{Outcome: core.Erred, Error: because(core.Slug(core.Unavailable)), Facts: second})
	expectFacts(t, s, s.record(t, a.Image.ID).Image, second)
	j := s.claim(t, "w1", a.Job.ID)
	s.finish(t, j, ports.Result{Outcome: core.Succeeded, Variants: []core.Variant{made(j, "small", "1"), made(j, "large", "2")}, Facts: seen()})
	expectFacts(t, s, s.record(t, a.Image.ID).Image, seen())
	expectNothingEmbedded(t, s, "of another tenant's image", globex, a.Image.ID)
	must(t, s.Images.Delete(t.Context(), acme, a.Image.ID, ports.Removal{By: ann, Grace: forever}))
	expectNothingEmbedded(t, s, "after the deletion", acme, a.Image.ID)
	left, err := s.Traces(t.Context(), a.Image.ID)
	must(t, err)
	if left != "[]" {
		t.Errorf("the tombstone still tells %q, want an empty palette and nothing else", left)
	}
}
