package imgd_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/oapi-codegen/nullable"

	imgd "imgd/clients/go"
	"imgd/clients/go/api"
)

const nobodysID = "00000000-0000-7000-8000-000000000000"

func badParameter(t *testing.T, w world, s scenario) {
	limit := int64(1000)
	_, err := client(t, w.Open, imgd.Options{}).ListImagesWithResponse(t.Context(), &api.ListImagesParams{Limit: &limit})
	p := refused(t, s, err)
	if len(p.Errors) != 1 || p.Errors[0].Parameter == nil || *p.Errors[0].Parameter != s.Parameter {
		t.Errorf("the errors are %+v, want one of %s", p.Errors, s.Parameter)
	}
}

func notFound(t *testing.T, w world, s scenario) {
	_, err := client(t, w.Open, imgd.Options{}).GetImageWithResponse(t.Context(), nobodysID)
	if p := refused(t, s, err); p.CorrelationID == "" || p.Instance == "" {
		t.Errorf("the problem says too little: %+v", p)
	}
}

func pages(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	bucket, limit := unique(), int64(2)
	var want, got []string
	for range 3 {
		u := w.upload(t, s)
		u.Bucket = bucket
		want = append(want, must(c.Upload(t.Context(), u))(t).ImageID)
	}
	pages := 0
	for p := (&api.ListImagesParams{Bucket: &bucket, Limit: &limit}); ; pages++ {
		page := must(c.ListImagesWithResponse(t.Context(), p))(t).JSON200
		for _, i := range page.Items {
			got = append(got, i.ID)
		}
		if p.Cursor = page.NextCursor; p.Cursor == nil {
			break
		}
	}
	slices.Reverse(want)
	if pages != 1 || !slices.Equal(got, want) {
		t.Errorf("two pages have %v, want %v, the newest first; there is a page after %d", got, want, pages)
	}
}

func patch(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	i := w.sent(t, c, s)
	seen := must(c.GetImageWithResponse(t.Context(), i.ID))(t).HTTPResponse.Header.Get("ETag")
	change := api.ImagePatch{Metadata: nullable.NewNullableWithValue(map[string]any{"rating": 4.0})}
	now := must(c.PatchImageWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), i.ID, &api.PatchImageParams{IfMatch: &seen}, change))(t).JSON200
	if now.Metadata["rating"] != 4.0 {
		t.Errorf("the metadata is %v", now.Metadata)
	}
	_, err := c.PatchImageWithApplicationMergePatchPlusJSONBodyWithResponse(t.Context(), i.ID, &api.PatchImageParams{IfMatch: &seen}, change)
	refused(t, s, err)
}

func lookup(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	i := w.sent(t, c, s)
	found := must(c.LookupImagesWithResponse(t.Context(), api.LookupRequest{Ids: []string{nobodysID, i.ID}}))(t).JSON200
	if len(found.Items) != 1 || found.Items[0].ID != i.ID || !slices.Equal(found.Missing, []string{nobodysID}) {
		t.Errorf("what is found is %+v", found)
	}
}

func moreVariants(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	i := w.sent(t, c, s)
	more := api.Variants(s.More)
	j := must(c.AddJobWithResponse(t.Context(), i.ID, api.JobRequest{Variants: &more}))(t).JSON202
	must(c.Wait(t.Context(), j.ID))(t)
	i = must(c.GetImageWithResponse(t.Context(), i.ID))(t).JSON200
	hasSizes(t, i, s.Sizes)
	find(t, i, "small")
}

func original(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	got := must(c.GetOriginalWithResponse(t.Context(), w.sent(t, c, s).ID, nil))(t)
	if !bytes.Equal(got.Body, w.file(t, s.File)) {
		t.Errorf("the original has %d bytes, and they are not those that were sent", len(got.Body))
	}
}

func trail(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	page := must(c.ListImageEventsWithResponse(t.Context(), w.sent(t, c, s).ID, nil))(t).JSON200
	if n := len(page.Items); n < 2 || !slices.ContainsFunc(page.Items[n-2:], func(e api.Event) bool { return string(e.Type) == s.Event }) {
		t.Errorf("the events are %+v, want %s as one of the first two", page.Items, s.Event)
	}
}

func stats(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	before := must(c.GetStatsWithResponse(t.Context()))(t).JSON200
	w.sent(t, c, s)
	after := must(c.GetStatsWithResponse(t.Context()))(t).JSON200
	if after.Jobs["succeeded"] <= before.Jobs["succeeded"] || after.Fleet == nil {
		t.Errorf("the numbers were %+v and are %+v", before, after)
	}
}

func remove(t *testing.T, w world, s scenario) {
	c := client(t, w.Open, imgd.Options{})
	i := w.sent(t, c, s)
	must(c.DeleteImageWithResponse(t.Context(), i.ID, nil))(t)
	_, err := c.GetImageWithResponse(t.Context(), i.ID)
	refused(t, s, err)
}
