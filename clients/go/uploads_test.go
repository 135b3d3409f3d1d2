package imgd_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	imgd "imgd/clients/go"
	"imgd/clients/go/api"
)

func uploadAndWait(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	i := w.sent(t, c, s)
	if i.State != api.ImageStateReady {
		t.Errorf("the image is %s", i.State)
	}
	hasSizes(t, i, s.Sizes)
	for name, want := range s.Types {
		v := find(t, i, name)
		resp := must(c.GetVariantWithResponse(t.Context(), i.ID, name, nil))(t)
		sum := sha256.Sum256(resp.Body)
		if got := resp.HTTPResponse.Header.Get("Content-Type"); got != want || *v.ContentType != want {
			t.Errorf("%s is described as %s and sent as %s, want %s", name, *v.ContentType, got, want)
		}
		if int64(len(resp.Body)) != *v.Bytes || hex.EncodeToString(sum[:]) != *v.Sha256 {
			t.Errorf("%s is not what is described: %d bytes of %d", name, len(resp.Body), *v.Bytes)
		}
	}
}

func progress(t *testing.T, w world, s scenario) {
	var told []imgd.Progress
	u := w.upload(t, s)
	u.Progress = func(p imgd.Progress) { told = append(told, p) }
	must(client(t, w.Open, imgd.Options{}).UploadAndWait(t.Context(), u))(t)
	size := int64(len(w.file(t, s.File)))
	if len(told) < 3 || !slices.IsSortedFunc(told, func(a, b imgd.Progress) int { return int(a.Sent - b.Sent) }) {
		t.Fatalf("what is told does not grow: %+v", told)
	}
	if first := told[0]; first.Sent == 0 || first.Sent >= size || first.Total != size || first.State != "" {
		t.Errorf("the first that is told is %+v, want a part of %d bytes", first, size)
	}
	if last := told[len(told)-1]; last.Sent != size || string(last.State) != s.State {
		t.Errorf("the last that is told is %+v, want all of %d bytes and %s", last, size, s.State)
	}
}

// once is a reader that is nothing but that.
type once struct{ io.Reader }

func stream(t *testing.T, w world, s scenario) {
	u := w.upload(t, s)
	u.File = once{u.File}
	var total int64
	u.Progress = func(p imgd.Progress) { total = p.Total }
	i := must(client(t, w.Open, imgd.Options{}).UploadAndWait(t.Context(), u))(t)
	hasSizes(t, i, s.Sizes)
	if total != -1 {
		t.Errorf("the total is %d, want -1: nobody knows", total)
	}
}

func fields(t *testing.T, w world, s scenario) {
	u := w.upload(t, s)
	u.Bucket, u.ExternalID, u.ExpiresAt = "albums/"+unique(), unique(), time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	i := must(client(t, w.Open, imgd.Options{}).UploadAndWait(t.Context(), u))(t)
	if i.Bucket != u.Bucket || *i.ExternalID != u.ExternalID || !i.ExpiresAt.Equal(u.ExpiresAt) || *i.Filename != s.Filename {
		t.Errorf("the image is %+v, want what was said in %+v", i, u)
	}
	if !reflect.DeepEqual(map[string]any(i.Metadata), s.Metadata) {
		t.Errorf("the metadata is %v, want %v", i.Metadata, s.Metadata)
	}
}

func presets(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	can := must(c.GetCapabilitiesWithResponse(t.Context()))(t).JSON200
	if !slices.Contains(can.Formats.Read, s.Reads) {
		t.Errorf("it reads %v, want %s among them", can.Formats.Read, s.Reads)
	}
	i := w.sent(t, c, s)
	if len(can.Presets["default"]) == 0 || len(i.Variants) != len(can.Presets["default"]) {
		t.Errorf("the variants are %+v, want those of %v", i.Variants, can.Presets["default"])
	}
	for name := range can.Presets["default"] {
		find(t, i, name)
	}
}

func refusedUpload(t *testing.T, w world, s scenario) {
	_, err := client(t, w.Open, imgd.Options{}).UploadAndWait(t.Context(), w.upload(t, s))
	if p := refused(t, s, err); s.Member != "" && p.Members[s.Member] == nil {
		t.Errorf("the members are %v, want %s among them", p.Members, s.Member)
	}
}

func sameKey(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	first, second := w.upload(t, s), w.upload(t, s)
	first.Key = unique()
	second.Key = first.Key
	a, b := must(c.Upload(t.Context(), first))(t), must(c.Upload(t.Context(), second))(t)
	if a.ID != b.ID {
		t.Errorf("the jobs are %s and %s, want one", a.ID, b.ID)
	}
}

func keyTaken(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	first, second := w.upload(t, s), w.upload(t, s)
	first.Key = unique()
	second.Key, second.File = first.Key, bytes.NewReader(w.file(t, s.Other))
	must(c.Upload(t.Context(), first))(t)
	_, err := c.Upload(t.Context(), second)
	refused(t, s, err)
}

func failedJob(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	_, err := c.UploadAndWait(t.Context(), w.upload(t, s))
	refused(t, s, err)
	j := jobOf(t, s, err)
	if !j.Retryable {
		t.Errorf("the job cannot be retried: %+v", j)
	}
	if _, err := c.CancelJobWithResponse(t.Context(), j.ID); imgd.SlugOf(err) != s.Then {
		t.Errorf("the cancelling of a failed job is %v, want %s", err, s.Then)
	}
	again := must(c.RetryJobWithResponse(t.Context(), j.ID))(t).JSON202
	if again.State == j.State {
		t.Errorf("the job is still %s", again.State)
	}
	_, err = c.Wait(t.Context(), j.ID)
	refused(t, s, err)
}

func cancel(t *testing.T, w world, s scenario) {
	c := client(t, w.Idle, imgd.Options{})
	j := must(c.Upload(t.Context(), w.upload(t, s)))(t)
	must(c.CancelJobWithResponse(t.Context(), j.ID))(t)
	_, err := c.Wait(t.Context(), j.ID)
	jobOf(t, s, err)
	if again := must(c.RetryJobWithResponse(t.Context(), j.ID))(t).JSON202; again.State != api.JobStateQueued {
		t.Errorf("the job is %s, want it queued again", again.State)
	}
}

// jobOf is the job in an error, which is in the state that a scenario expects.
func jobOf(t *testing.T, s scenario, err error) imgd.Job {
	t.Helper()
	var e *imgd.JobError
	if !errors.As(err, &e) || string(e.Job.State) != s.State || !strings.Contains(e.Error(), s.State) {
		t.Fatalf("the error is %v, want one of a job that is %s", err, s.State)
	}
	return e.Job
}
