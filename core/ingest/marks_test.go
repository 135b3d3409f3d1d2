package ingest_test

import (
	"context"
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// lookups counts how often an image is looked up.
type lookups struct {
	ports.Images
	n map[core.ID]int
}

func (l lookups) Image(ctx context.Context, tenant string, id core.ID) (core.Record, error) {
	l.n[id]++
	return l.Images.Image(ctx, tenant, id)
}

func TestAWatermarkIsLookedUpOnceForAnUpload(t *testing.T) {
	h := house.New(t)
	mark := h.Accept(t, "mark").Record.Image.ID
	runAll(t, h)
	l := lookups{h.Ingest.Images, map[core.ID]int{}}
	h.Ingest.Images = l
	u := house.Upload(portstest.FakeImage(8, 8, ""), ingest.Fields{Variants: `{"a": "wm=` + string(mark) + `", "b": "w=5,wm=` + string(mark) + `"}`})
	if _, err := h.Ingest.Accept(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if l.n[mark] != 1 {
		t.Errorf("it was looked up %d times, want once", l.n[mark])
	}
}

func TestAWatermarkIsAReadyImageOfTheSameTenant(t *testing.T) {
	h := house.New(t)
	mark := h.Accept(t, "mark").Record.Image
	runAll(t, h)
	raw := h.Accept(t, "raw").Record.Image
	stranger := house.Ann()
	stranger.Tenant = "other"
	for name, c := range map[string]struct {
		by   core.Principal
		wm   string
		says string // empty: it is taken
	}{
		"a ready one":              {house.Ann(), string(mark.ID), ""},
		"with its digest":          {house.Ann(), string(mark.ID) + ":top:1:1:0:" + mark.SHA256, ""},
		"with another digest":      {house.Ann(), string(mark.ID) + ":top:1:1:0:" + strings.Repeat("0", 64), "other bytes"},
		"one that is not rendered": {house.Ann(), string(raw.ID), "which is processing"},
		"one that there is not":    {house.Ann(), string(house.NewID()), "which there is not"},
		"another tenant's":         {stranger, string(mark.ID), "which there is not"},
	} {
		t.Run(name, func(t *testing.T) {
			u := house.Upload(portstest.FakeImage(8, 8, name), ingest.Fields{Variants: `{"a": "wm=` + c.wm + `"}`})
			u.By = c.by
			before := len(h.Keys(t))
			a, err := h.Ingest.Accept(t.Context(), u)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if got := a.Record.Variants[0].Transform; !strings.Contains(got, ":"+mark.SHA256) {
					t.Errorf("the variant is %s, want the watermark's digest in it", got)
				}
				return
			}
			if core.SlugOf(err) != core.InvalidTransform || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "variant a") {
				t.Errorf("Accept = %v, want an invalid transform that says %q and names the variant", err, c.says)
			}
			if after := len(h.Keys(t)); after != before {
				t.Errorf("the store has %d objects, want the %d from before", after, before)
			}
		})
	}
}
