package ingest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports/portstest"
)

func TestAnAcceptedUploadIsStoredRecordedAndHinted(t *testing.T) {
	h, body := house.New(t), portstest.FakeImage(4000, 3000, "a")
	got, err := h.Ingest.Accept(t.Context(), house.Upload(body, ingest.Fields{Bucket: "photos/2026", ExternalID: "x-1", Metadata: `{ "k": [1, 2] }`}))
	if err != nil {
		t.Fatal(err)
	}
	m := got.Record.Image
	if m.Width != 4000 || m.Height != 3000 || m.Bytes != int64(len(body)) || m.ContentType != "image/png" || m.Filename != "photo.png" || m.State != core.ImageProcessing {
		t.Errorf("the image is %+v", m)
	}
	rec, err := h.Library.Image(t.Context(), house.Ann(), m.ID)
	if err != nil {
		t.Fatal(err)
	}
	if string(rec.Image.Metadata) != `{"k":[1,2]}` || rec.Image.ExternalID != "x-1" || rec.Image.Bucket != "photos/2026" || rec.Image.Owner != "ann" {
		t.Errorf("the record is %+v", rec.Image)
	}
	if len(rec.Variants) != 4 {
		t.Errorf("it has %d variants, want the default preset's 4", len(rec.Variants))
	}
	b, err := h.Blobs.Open(t.Context(), m.OriginalKey())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if stored, err := io.ReadAll(b); err != nil || !bytes.Equal(stored, body) {
		t.Errorf("the stored original differs from what was sent (%v)", err)
	}
	if id, err := h.Queue.Pop(t.Context()); id != got.Job.ID || err != nil {
		t.Errorf("the hint is %q (%v), want the job's id %q", id, err, got.Job.ID)
	}
}

func TestARefusedUploadLeavesNothing(t *testing.T) {
	good := portstest.FakeImage(10, 10, "")
	deep := strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17)
	for name, c := range map[string]struct {
		body   []byte
		fields ingest.Fields
		want   core.Slug
	}{
		"no image":                   {[]byte("<html>"), ingest.Fields{}, core.UnsupportedMediaType},
		"a damaged image":            {[]byte("FAKE ?"), ingest.Fields{}, core.ImageUndecodable},
		"an empty file":              {nil, ingest.Fields{}, core.FileMissing},
		"too many bytes":             {append(good, make([]byte, 1<<20)...), ingest.Fields{}, core.UploadTooLarge},
		"a bucket that climbs":       {good, ingest.Fields{Bucket: "a/../b"}, core.InvalidParameter},
		"a bucket in capitals":       {good, ingest.Fields{Bucket: "Photos"}, core.InvalidParameter},
		"a bucket with a gap":        {good, ingest.Fields{Bucket: "a//b"}, core.InvalidParameter},
		"an external id with a line": {good, ingest.Fields{ExternalID: "a\nb"}, core.InvalidParameter},
		"metadata that is a list":    {good, ingest.Fields{Metadata: `[1]`}, core.InvalidMetadata},
		"metadata cut off":           {good, ingest.Fields{Metadata: `{"a":`}, core.InvalidMetadata},
		"metadata with a tail":       {good, ingest.Fields{Metadata: `{} {}`}, core.InvalidMetadata},
		"metadata said twice":        {good, ingest.Fields{Metadata: `{"a":{"b":1,"b":2}}`}, core.InvalidMetadata},
		"metadata too deep":          {good, ingest.Fields{Metadata: deep}, core.InvalidMetadata},
		"metadata too large":         {good, ingest.Fields{Metadata: `{"a":"` + strings.Repeat("x", 64<<10) + `"}`}, core.InvalidMetadata},
		"metadata not in UTF-8":      {good, ingest.Fields{Metadata: "{\"a\":\"\xff\"}"}, core.InvalidMetadata},
		"metadata with 257 members":  {good, ingest.Fields{Metadata: members(257)}, core.InvalidMetadata},
		"an unknown preset":          {good, ingest.Fields{Preset: "web"}, core.UnknownPreset},
		"a preset and variants":      {good, ingest.Fields{Preset: "default", Variants: `{"a":"w=1"}`}, core.InvalidVariants},
		"variants that are a list":   {good, ingest.Fields{Variants: `["w=1"]`}, core.InvalidVariants},
		"a transform misspelt":       {good, ingest.Fields{Variants: `{"a":"widht=1"}`}, core.InvalidTransform},
		"more than memory holds":     {portstest.FakeImage(400, 400, ""), ingest.Fields{}, core.ImageTooComplex},
		"a transform not done here":  {good, ingest.Fields{Variants: `{"a":"fmt=jxl"}`}, core.TransformUnsupported},
	} {
		t.Run(name, func(t *testing.T) {
			h := house.New(t)
			h.Render.Memory = 1 << 20
			_, err := h.Ingest.Accept(t.Context(), house.Upload(c.body, c.fields))
			if got := core.SlugOf(err); got != c.want {
				t.Errorf("Accept = %v, want %s", err, c.want)
			}
			if keys := h.Keys(t); len(keys) != 0 {
				t.Errorf("the store holds %q after a refusal", keys)
			}
			if items, _, err := h.Library.ListImages(t.Context(), house.Ann(), core.ImageFilter{}, 0, ""); len(items) != 0 || err != nil {
				t.Errorf("%d images are recorded after a refusal (%v)", len(items), err)
			}
		})
	}
}

func members(n int) string {
	m := map[string]int{}
	for i := range n {
		m[strings.Repeat("k", i+1)] = i
	}
	b, _ := json.Marshal(m)
	return string(b)
}

func TestALineThatBreaksLeavesNothing(t *testing.T) {
	h, cable := house.New(t), errors.New("cable pulled")
	torn := io.MultiReader(bytes.NewReader(portstest.FakeImage(10, 10, "")), iotest.ErrReader(cable))
	if _, err := h.Ingest.Accept(t.Context(), house.UploadFrom(torn, ingest.Fields{})); !errors.Is(err, cable) {
		t.Errorf("Accept = %v, want the reader's own error", err)
	}
	if keys := h.Keys(t); len(keys) != 0 {
		t.Errorf("the store holds %q", keys)
	}
}

func TestAStoreWithoutDescriptorsIsProbedFromASpool(t *testing.T) {
	h := house.New(t)
	h.Ingest.Blobs = portstest.Fileless{Blobs: h.Disk}
	h.Ingest.Spool = portstest.Spool(t)
	got, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(70, 50, ""), ingest.Fields{}))
	if err != nil || got.Record.Image.Width != 70 {
		t.Errorf("Accept = %+v, %v, want an image 70 wide", got.Record.Image, err)
	}
}

func TestAnExternalIDIsUniqueInATenant(t *testing.T) {
	h := house.New(t)
	first, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(1, 1, "1"), ingest.Fields{ExternalID: "x"}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(1, 1, "2"), ingest.Fields{ExternalID: "x"}))
	e, _ := errors.AsType[*core.Error](err)
	if core.SlugOf(err) != core.ExternalIDTaken || e.Facts["image_id"] != first.Record.Image.ID {
		t.Errorf("a second upload with the external id = %v, want ExternalIDTaken that names %s", err, first.Record.Image.ID)
	}
	if keys := h.Keys(t); len(keys) != 1 {
		t.Errorf("the store holds %q, want the first original only", keys)
	}
	other := house.Upload(portstest.FakeImage(1, 1, "3"), ingest.Fields{ExternalID: "x"})
	other.By.Tenant = "globex"
	if _, err := h.Ingest.Accept(t.Context(), other); err != nil {
		t.Errorf("another tenant's use of the external id = %v", err)
	}
}

func TestQuarantinedBytesAreNotTakenAgain(t *testing.T) {
	h := house.New(t)
	h.Render.Before = crash
	h.Accept(t, "poison")
	runAll(t, h)
	_, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(4000, 3000, "poison"), ingest.Fields{}))
	if core.SlugOf(err) != core.ImageQuarantined {
		t.Errorf("Accept = %v, want ImageQuarantined", err)
	}
}

func TestAKeyIsCarriedOutOnce(t *testing.T) {
	h, body := house.New(t), portstest.FakeImage(8, 8, "once")
	send := func() (ingest.Accepted, error) {
		u := house.Upload(body, ingest.Fields{Bucket: "b"})
		u.IdempotencyKey = "k"
		return h.Ingest.Accept(t.Context(), u)
	}
	var (
		wg  sync.WaitGroup
		mu  sync.Mutex
		ids = map[core.ID]int{}
	)
	fresh, busy := 0, 0
	for range 100 {
		wg.Go(func() {
			a, err := send()
			mu.Lock()
			defer mu.Unlock()
			switch {
			case core.SlugOf(err) == core.IdempotencyInProgress:
				busy++
			case err != nil:
				t.Errorf("Accept = %v", err)
			default:
				ids[a.Record.Image.ID]++
				if !a.Replayed {
					fresh++
				}
			}
		})
	}
	wg.Wait()
	if fresh != 1 || len(ids) != 1 {
		t.Errorf("100 requests with one key were carried out %d times and named %d images (%d were told to wait), want 1 and 1", fresh, len(ids), busy)
	}
	if keys := h.Keys(t); len(keys) != 1 {
		t.Errorf("the store holds %d originals, want 1", len(keys))
	}
	again, err := send()
	if err != nil || !again.Replayed {
		t.Errorf("a later request = %+v, %v, want the same answer replayed", again, err)
	}
}

func TestAKeyBelongsToOneRequest(t *testing.T) {
	h := house.New(t)
	u := house.Upload(portstest.FakeImage(8, 8, "one"), ingest.Fields{Bucket: "b"})
	u.IdempotencyKey = "k"
	if _, err := h.Ingest.Accept(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	for name, other := range map[string]ingest.Upload{
		"another file":   house.Upload(portstest.FakeImage(8, 8, "two"), ingest.Fields{Bucket: "b"}),
		"another bucket": house.Upload(portstest.FakeImage(8, 8, "one"), ingest.Fields{Bucket: "c"}),
	} {
		other.IdempotencyKey = "k"
		if _, err := h.Ingest.Accept(t.Context(), other); core.SlugOf(err) != core.IdempotencyMismatch {
			t.Errorf("%s = %v, want IdempotencyMismatch", name, err)
		}
	}
	bob := house.Upload(portstest.FakeImage(8, 8, "two"), ingest.Fields{})
	bob.By.Subject, bob.IdempotencyKey = "bob", "k"
	if a, err := h.Ingest.Accept(t.Context(), bob); err != nil || a.Replayed {
		t.Errorf("another subject's key = %+v, %v, want a request of its own", a, err)
	}
}

func TestAFailedRequestGivesItsKeyBack(t *testing.T) {
	h := house.New(t)
	bad := house.Upload([]byte("no image"), ingest.Fields{})
	bad.IdempotencyKey = "k"
	if _, err := h.Ingest.Accept(t.Context(), bad); err == nil {
		t.Fatal("a text was accepted as an image")
	}
	good := house.Upload(portstest.FakeImage(8, 8, ""), ingest.Fields{})
	good.IdempotencyKey = "k"
	if a, err := h.Ingest.Accept(t.Context(), good); err != nil || a.Replayed {
		t.Errorf("the corrected request = %+v, %v, want it carried out", a, err)
	}
}

func TestVariantsAreAddedToAStoredImage(t *testing.T) {
	h := house.New(t)
	image := h.Accept(t, "").Record.Image.ID
	runAll(t, h)
	want := ingest.Request{Variants: json.RawMessage(`{"square":"w=100,h=100,fit=cover"}`)}
	first, err := h.Ingest.Add(t.Context(), house.Ann(), "c-2", "", image, want)
	if err != nil || first.Replayed || first.Record.Image.State != core.ImageProcessing || len(first.Record.Variants) != 5 {
		t.Fatalf("Add = %+v, %v, want a job, the image processing, five variants", first, err)
	}
	if again, err := h.Ingest.Add(t.Context(), house.Ann(), "c-3", "", image, want); err != nil || again.Job.ID != first.Job.ID {
		t.Errorf("the same again = job %s, %v, want job %s", again.Job.ID, err, first.Job.ID)
	}
	runAll(t, h)
	if again, err := h.Ingest.Add(t.Context(), house.Ann(), "c-4", "", image, want); err != nil || again.Job.ID != first.Job.ID {
		t.Errorf("the same after it was done = job %s, %v, want job %s", again.Job.ID, err, first.Job.ID)
	}
	want.Force = true
	forced, err := h.Ingest.Add(t.Context(), house.Ann(), "c-5", "", image, want)
	if err != nil || forced.Job.ID == first.Job.ID {
		t.Errorf("forced = job %s, %v, want a new job", forced.Job.ID, err)
	}
	h.Render.Memory = 1
	if _, err := h.Ingest.Add(t.Context(), house.Ann(), "c-6", "", image, want); core.SlugOf(err) != core.ImageTooComplex {
		t.Errorf("more than there is memory for = %v, want %s", err, core.ImageTooComplex)
	}
	if b, err := h.Deliver.Variant(t.Context(), house.Ann(), image, "square"); err != nil {
		t.Errorf("while it is made again, the old one = %v, want it readable", err)
	} else {
		b.Close()
	}
	runAll(t, h)
	rec, err := h.Library.Image(t.Context(), house.Ann(), image)
	if err != nil || rec.Image.State != core.ImageReady {
		t.Errorf("in the end the image is %s (%v), want ready", rec.Image.State, err)
	}
	bob := house.Ann()
	bob.Subject = "bob"
	if _, err := h.Ingest.Add(t.Context(), bob, "", "", image, want); core.KindOf(err) != core.Forbidden {
		t.Errorf("a colleague's Add = %v, want Forbidden", err)
	}
	bob.Tenant = "globex"
	if _, err := h.Ingest.Add(t.Context(), bob, "", "", image, want); core.KindOf(err) != core.NotFound {
		t.Errorf("a stranger's Add = %v, want NotFound", err)
	}
}
