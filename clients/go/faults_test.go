package imgd_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	imgd "imgd/clients/go"
	"imgd/clients/go/api"
)

func tooOften(t *testing.T, w world, s scenario) {
	var a answers
	c := client(t, w.Narrow, imgd.Options{HTTP: &http.Client{Transport: &a}, Tries: 20})
	for range 3 {
		u := w.upload(t, s)
		u.File = once{u.File} // a refusal comes before its first byte
		must(c.Upload(t.Context(), u))(t)
	}
	if a.count(s.Status) == 0 || a.count(http.StatusAccepted) != 3 {
		t.Errorf("the answers are %v, want 3 that are good after %d", a.seen, s.Status)
	}
}

func tooLongAWait(t *testing.T, w world, s scenario) {
	c := client(t, w.Narrow, imgd.Options{Longest: time.Millisecond})
	var err error
	for range 3 {
		if _, err = c.Upload(t.Context(), w.upload(t, s)); err != nil {
			break
		}
	}
	if p := refused(t, s, err); p.RetryAfter < time.Second {
		t.Errorf("the problem says to wait %v", p.RetryAfter)
	}
}

func busy(t *testing.T, w world, s scenario) {
	var a answers
	c := client(t, w.Busy, imgd.Options{HTTP: &http.Client{Transport: &a}})
	w.sent(t, c, s)
	if a.count(s.Status) == 0 {
		t.Errorf("the answers are %v, want %d among them", a.seen, s.Status)
	}
}

func lostAnswer(t *testing.T, w world, s scenario) {
	var a answers
	u := w.upload(t, s)
	u.Bucket = unique()
	j := must(client(t, w.Forgetful, imgd.Options{HTTP: &http.Client{Transport: &a}}).Upload(t.Context(), u))(t)
	if a.count(0) == 0 {
		t.Error("no answer was lost")
	}
	page := must(client(t, w.Open, imgd.Options{}).ListImagesWithResponse(t.Context(), &api.ListImagesParams{Bucket: &u.Bucket}))(t).JSON200
	if len(page.Items) != 1 || page.Items[0].ID != j.ImageID {
		t.Errorf("the images are %+v, want %s alone", page.Items, j.ImageID)
	}
}

func lostStream(t *testing.T, w world, s scenario) {
	u := w.upload(t, s)
	u.File = once{u.File}
	_, err := client(t, w.Forgetful, imgd.Options{}).Upload(t.Context(), u)
	if err == nil || !strings.Contains(err.Error(), s.Error) {
		t.Errorf("the error is %v, want that it %s", err, s.Error)
	}
}

func nobodyThere(t *testing.T, w world, s scenario) {
	var a answers
	_, err := client(t, w.Nobody, imgd.Options{HTTP: &http.Client{Transport: &a}, Tries: 3, Pause: time.Millisecond}).Upload(t.Context(), w.upload(t, s))
	if err == nil || imgd.SlugOf(err) != "" || a.count(0) != 3 {
		t.Errorf("after %d tries the error is %v; want 3, and one that is no problem", a.count(0), err)
	}
}

func givenUp(t *testing.T, w world, s scenario) {
	ctx, cancel := context.WithCancel(t.Context())
	u := w.upload(t, s)
	var left time.Time
	u.Progress = func(p imgd.Progress) {
		if p.State == api.JobStateQueued {
			left = time.Now()
			cancel()
		}
	}
	_, err := client(t, w.Idle, imgd.Options{}).UploadAndWait(ctx, u)
	if !errors.Is(err, context.Canceled) || time.Since(left) > 2*time.Second {
		t.Errorf("%v after giving up the error is %v", time.Since(left), err)
	}
}
