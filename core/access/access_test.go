package access_test

import (
	"testing"

	"imgd/core"
	"imgd/core/access"
)

func TestWhoMayDoWhat(t *testing.T) {
	image := core.Image{Owner: "ann"}
	reader := core.Principal{Subject: "ann", Scopes: []core.Scope{core.ScopeRead}}
	writer := core.Principal{Subject: "bob", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}}
	owner := core.Principal{Subject: "ann", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}}
	admin := core.Principal{Subject: "eve", Scopes: []core.Scope{core.ScopeAdmin}}
	for name, c := range map[string]struct {
		err  error
		want core.Slug
	}{
		"a reader may read":                        {access.May(reader, core.ScopeRead), ""},
		"a reader may not write":                   {access.May(reader, core.ScopeWrite), core.InsufficientScope},
		"nobody may do anything":                   {access.May(core.Principal{}, core.ScopeRead), core.InsufficientScope},
		"an admin may write":                       {access.May(admin, core.ScopeWrite), ""},
		"an owner without the scope may not":       {access.MayChange(reader, image), core.InsufficientScope},
		"a writer may not change another's":        {access.MayChange(writer, image), core.Slug(core.Forbidden)},
		"an owner may change their own":            {access.MayChange(owner, image), ""},
		"an admin may change anybody's":            {access.MayChange(admin, image), ""},
		"an owner may see the original":            {access.MaySeeOriginal(reader, image), ""},
		"a stranger may not see another's":         {access.MaySeeOriginal(writer, image), core.Slug(core.Forbidden)},
		"an admin may see anybody's original":      {access.MaySeeOriginal(admin, image), ""},
		"without the read scope there is no sight": {access.MaySeeOriginal(core.Principal{Subject: "ann"}, image), core.InsufficientScope},
	} {
		t.Run(name, func(t *testing.T) {
			if got := core.SlugOf(c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
