package ingest_test

import (
	"context"
	"testing"

	"imgd/core"
	"imgd/core/ingest"
	"imgd/e2e/house"
	"imgd/ports"
	"imgd/ports/portstest"
)

// torn is a database whose connection breaks after it has recorded an upload, or,
// when early, before.
type torn struct {
	ports.Images
	early bool
}

func (t torn) Admit(ctx context.Context, a ports.Admission) error {
	if !t.early {
		if err := t.Images.Admit(ctx, a); err != nil {
			return err
		}
	}
	return core.Unavailable.Errorf("the connection broke")
}

func TestAnUploadWhoseAnswerWasLostKeepsItsBytes(t *testing.T) {
	h := house.New(t)
	whole := h.Ingest.Images
	h.Ingest.Images = torn{Images: whole}
	upload := house.Upload(portstest.FakeImage(4000, 3000, ""), ingest.Fields{})
	upload.IdempotencyKey = "the-one"
	if _, err := h.Ingest.Accept(t.Context(), upload); core.KindOf(err) != core.Unavailable {
		t.Fatalf("Accept = %v, want Unavailable", err)
	}
	h.Ingest.Images = whole
	again := house.Upload(portstest.FakeImage(4000, 3000, ""), ingest.Fields{})
	again.IdempotencyKey = "the-one"
	a, err := h.Ingest.Accept(t.Context(), again)
	if err != nil || !a.Replayed {
		t.Fatalf("the same request again = %+v, %v; want the answer that was lost", a, err)
	}
	runAll(t, h)
	if j, err := h.Library.Job(t.Context(), house.Ann(), a.Job.ID, 0); err != nil || j.State != core.JobSucceeded {
		t.Errorf("the job is %s (%v), %v; want succeeded", j.State, j.Error, err)
	}
}

func TestAnUploadThatMayBeRecordedLeavesItsBytesToTheSweep(t *testing.T) {
	h := house.New(t)
	h.Ingest.Images = torn{Images: h.Ingest.Images, early: true}
	if _, err := h.Ingest.Accept(t.Context(), house.Upload(portstest.FakeImage(4000, 3000, ""), ingest.Fields{})); core.KindOf(err) != core.Unavailable {
		t.Fatalf("Accept = %v, want Unavailable", err)
	}
	if keys := h.Keys(t); len(keys) != 1 {
		t.Errorf("the store holds %q, want the one original", keys)
	}
}
