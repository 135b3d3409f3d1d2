package process_test

import (
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

// With fmt=auto nobody knows the format before the rendition is there.
func TestARenditionSaysWhatItIs(t *testing.T) {
	h := house.New(t)
	a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(400, 300, ""), ingest.Fields{Variants: `{"a":"fmt=auto,w=100","w":"w=100"}`}))
	if err != nil {
		t.Fatal(err)
	}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	want := map[string][2]string{"a": {"image/avif", ".avif"}, "w": {"image/webp", ".webp"}}
	for _, v := range image(t, h, a.Record.Image.ID).Variants {
		if v.State != core.VariantIsReady || v.ContentType != want[v.Name][0] || !strings.HasSuffix(v.BlobKey, want[v.Name][1]) {
			t.Errorf("%s is %s, %s under %s; want %v", v.Name, v.State, v.ContentType, v.BlobKey, want[v.Name])
		}
		if v.Name == "a" && !strings.Contains(v.Transform, "fmt=auto") {
			t.Errorf("its transform is %s, want what was asked for", v.Transform)
		}
	}
}
