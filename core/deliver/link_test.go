package deliver_test

import (
	"strings"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/e2e/house"
)

func TestNobodySignsALinkForLongerThanLinksLive(t *testing.T) {
	keys, err := access.NewLinkKeys("k1:" + strings.Repeat("1", 32))
	if err != nil {
		t.Fatal(err)
	}
	h := house.New(t)
	h.Deliver.Keys = func() access.LinkKeys { return keys }
	a := h.Accept(t, "x")
	for life, want := range map[time.Duration]core.Slug{
		-time.Second: core.Slug(core.Invalid), 0: core.Slug(core.Invalid), 1: "", time.Second: "", access.MaxLinkLife: "",
		access.MaxLinkLife + 1: core.Slug(core.Invalid), 1<<63 - 1: core.Slug(core.Invalid),
	} {
		list, err := h.Deliver.Sign(t.Context(), house.Ann(), a.Job.ImageID, []string{"medium"}, life, false)
		if got := core.SlugOf(err); got != want {
			t.Errorf("a link for %s is %q, want %q", life, got, want)
		}
		for _, l := range list {
			if left := time.Until(l.Expires); left > access.MaxLinkLife+time.Second {
				t.Errorf("a link for %s is good for %s", life, left)
			}
		}
	}
}
