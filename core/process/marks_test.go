package process_test

import (
	"context"
	"io"
	"strings"
	"testing"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// marked uploads an image of which one variant has the watermark.
func marked(t *testing.T, h *house.House, mark core.ID) ingest.Accepted {
	t.Helper()
	a, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(40, 30, "marked"), ingest.Fields{
		Variants: `{"plain": "w=10", "marked": "w=10,wm=` + string(mark) + `", "too": "w=20,wm=` + string(mark) + `:top"}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAWatermarkGoesToTheDecoderOnce(t *testing.T) {
	for name, fileless := range map[string]bool{"a store of files": false, "a store without descriptors": true} {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			if fileless {
				h.Process.Blobs, h.Process.Spool = portstest.Fileless{Blobs: h.Disk}, portstest.Spool(t)
			}
			mark := h.Accept(t, "mark").Record.Image
			if err := next(t, h); err != nil {
				t.Fatal(err)
			}
			var got []string
			h.Render.Before = func(_ context.Context, task ports.Task) error {
				if got := task.Probe; got.MemoryBytes != 4*40*30 || got.Width != 40 || got.ContentType != "image/png" {
					t.Errorf("the decoder is told %+v of the image, want what the look at the upload found", got)
				}
				for _, m := range task.Marks {
					if got := m.Probe; got.MemoryBytes != 4*4000*3000 || got.Width != 4000 {
						t.Errorf("the decoder is told %+v of the watermark, want what the look at its upload found", got)
					}
					body, err := io.ReadAll(io.NewSectionReader(m.Source, 0, m.Bytes))
					if err != nil {
						return err
					}
					got = append(got, string(m.Image)+" "+string(body))
				}
				return nil
			}
			a := marked(t, h, mark.ID)
			if err := next(t, h); err != nil {
				t.Fatal(err)
			}
			want := string(mark.ID) + " " + string(portstest.FakeImage(4000, 3000, "mark"))
			if len(got) != 1 || got[0] != want {
				t.Errorf("the decoder got the watermarks %q, want only %q", got, want)
			}
			for _, v := range image(t, h, a.Record.Image.ID).Variants {
				if has := strings.Contains(v.Transform, ":"+mark.SHA256); v.State != core.VariantIsReady || has != (v.Name != "plain") {
					t.Errorf("%s is %s, made by %s; want it ready and the watermark's digest in it, but for plain", v.Name, v.State, v.Transform)
				}
			}
		})
	}
}

func TestAWatermarkThatIsDeletedFailsItsVariantsOnly(t *testing.T) {
	h := house.New(t)
	mark := h.Accept(t, "mark").Record.Image
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	a := marked(t, h, mark.ID)
	if err := h.Library.Delete(t.Context(), house.Ann(), "c", mark.ID, false); err != nil {
		t.Fatal(err)
	}
	if err := next(t, h); err != nil {
		t.Fatal(err)
	}
	if j := job(t, h, a.Job.ID); j.State != core.JobSucceeded {
		t.Errorf("the job is %s with %+v, want succeeded", j.State, j.Error)
	}
	rec := image(t, h, a.Record.Image.ID)
	if rec.Image.State != core.ImagePartial {
		t.Errorf("the image is %s, want partial", rec.Image.State)
	}
	for _, v := range rec.Variants {
		switch gone := v.Name != "plain"; {
		case gone && (v.State != core.VariantIsBad || v.Error == nil || v.Error.Slug != core.WatermarkGone):
			t.Errorf("%s is %s with %+v, want failed with watermark-gone", v.Name, v.State, v.Error)
		case !gone && v.State != core.VariantIsReady:
			t.Errorf("%s is %s with %+v, want ready", v.Name, v.State, v.Error)
		}
	}
}
