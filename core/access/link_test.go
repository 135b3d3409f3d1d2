package access_test

import (
	"strings"
	"testing"
	"time"

	"imgd/core"
	"imgd/core/access"
)

var (
	secretA = strings.Repeat("a", 32)
	secretB = strings.Repeat("b", 32)
)

func keys(t *testing.T, text string) access.LinkKeys {
	t.Helper()
	k, err := access.NewLinkKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestALinkIsGoodForWhatWasSignedAndNothingElse(t *testing.T) {
	k, now := keys(t, "k1:"+secretA+",k2:"+secretB), time.Unix(1_700_000_000, 0)
	link := core.Link{Image: "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e", Variant: "thumb", Version: "0123456789abcdef", Expires: now.Add(time.Hour)}
	kid, sig, err := k.Sign("acme", link)
	if err != nil || kid != "k1" {
		t.Fatalf("Sign = %s, %v; want the first key", kid, err)
	}
	_, elsewhere, err := k.Sign("globex", link)
	if err != nil || elsewhere[:22] == sig[:22] {
		t.Fatalf("links into two tenants begin with the same seal, %v", err)
	}
	change := func(f func(*core.Link)) core.Link { l := link; f(&l); return l }
	for name, c := range map[string]struct {
		tenant   string
		link     core.Link
		kid, sig string
		now      time.Time
		want     core.Slug
	}{
		"as it was signed":    {"acme", link, kid, sig, now, ""},
		"in its last moment":  {"acme", link, kid, sig, link.Expires.Add(-1), ""},
		"when it expires":     {"acme", link, kid, sig, link.Expires, core.URLExpired},
		"a second later":      {"acme", link, kid, sig, link.Expires.Add(time.Second), core.URLExpired},
		"of another tenant":   {"globex", link, kid, sig, now, core.SignatureInvalid},
		"of no tenant":        {"", link, kid, sig, now, core.SignatureInvalid},
		"of another image":    {"acme", change(func(l *core.Link) { l.Image = "0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8f" }), kid, sig, now, core.SignatureInvalid},
		"of another variant":  {"acme", change(func(l *core.Link) { l.Variant = "large" }), kid, sig, now, core.SignatureInvalid},
		"of another version":  {"acme", change(func(l *core.Link) { l.Version = "" }), kid, sig, now, core.SignatureInvalid},
		"with a longer life":  {"acme", change(func(l *core.Link) { l.Expires = l.Expires.Add(time.Second) }), kid, sig, now, core.SignatureInvalid},
		"with a redirect":     {"acme", change(func(l *core.Link) { l.Redirect = true }), kid, sig, now, core.SignatureInvalid},
		"by another key":      {"acme", link, "k2", sig, now, core.SignatureInvalid},
		"by a key of no one":  {"acme", link, "k3", sig, now, core.SignatureInvalid},
		"without a signature": {"acme", link, kid, "", now, core.SignatureInvalid},
		"by a shorter one":    {"acme", link, kid, sig[:43], now, core.SignatureInvalid},
		"by a part of one":    {"acme", link, kid, sig[:20], now, core.SignatureInvalid},
		"with another seal":   {"acme", link, kid, elsewhere[:22] + sig[22:], now, core.SignatureInvalid},
		"forged and expired":  {"acme", change(func(l *core.Link) { l.Variant = "large" }), kid, sig, link.Expires, core.SignatureInvalid},
		// The parts of what is signed do not flow into each other.
		"with its parts moved": {"acme0198c0de", change(func(l *core.Link) { l.Image = "-5d7a-7e6b-9c1d-3f2a1b0c9d8e" }), kid, sig, now, core.SignatureInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			got := core.SlugOf(k.Verify(c.link, c.kid, c.sig, c.now))
			if got == "" && !k.Leads(c.tenant, c.link, c.kid, c.sig) {
				got = core.SignatureInvalid
			}
			if got != c.want {
				t.Errorf("the link is %q, want %q", got, c.want)
			}
		})
	}
}

func TestKeysOfLinksRotate(t *testing.T) {
	now := time.Now()
	link := core.Link{Image: "i", Variant: "v", Expires: now.Add(time.Minute)}
	old := keys(t, "old:"+secretA)
	kid, sig, err := old.Sign("acme", link)
	if err != nil {
		t.Fatal(err)
	}
	both := keys(t, "new:"+secretB+"\nold:"+secretA)
	if err := both.Verify(link, kid, sig, now); err != nil {
		t.Errorf("with two keys a link of the older one is refused: %v", err)
	}
	if kid, _, _ := both.Sign("acme", link); kid != "new" {
		t.Errorf("two keys sign with %s, want the first", kid)
	}
	if err := keys(t, "new:"+secretB).Verify(link, kid, sig, now); core.SlugOf(err) != core.SignatureInvalid {
		t.Errorf("a link of a key that is gone = %v", err)
	}
	if err := keys(t, "old:"+secretB).Verify(link, kid, sig, now); core.SlugOf(err) != core.SignatureInvalid {
		t.Errorf("a link of a key whose secret has changed = %v", err)
	}
	if _, _, err := keys(t, "").Sign("acme", link); core.SlugOf(err) != core.LinksOff {
		t.Errorf("without a key Sign = %v", err)
	}
	if err := keys(t, "").Verify(link, kid, sig, now); core.SlugOf(err) != core.SignatureInvalid {
		t.Errorf("without a key Verify = %v", err)
	}
}

func TestWrongKeysOfLinksAreRefusedWithoutBeingTold(t *testing.T) {
	for text, want := range map[string]string{
		"k1":                               "no colon",
		"k1:" + secretA[:31]:               "31 bytes",
		":" + secretA:                      "kid of entry 1",
		"a b:" + secretA:                   "no colon",
		"k&1:" + secretA:                   "kid of entry 1",
		"k1:" + secretA + ",k1:" + secretB: "twice",
		"k1:" + secretA + ",k2:" + secretA: "same secret",
	} {
		_, err := access.NewLinkKeys(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		if err != nil && strings.Contains(err.Error(), secretA[:31]) {
			t.Errorf("%q tells the secret", err)
		}
	}
}

func TestPublicIsWhatAPatternCovers(t *testing.T) {
	public, err := access.NewPublicBuckets([]string{"acme/press", " acme/albums/* ", "acme/www/**", "globex/logo-*", ""})
	if err != nil {
		t.Fatal(err)
	}
	for place, want := range map[core.Place]bool{
		{Tenant: "acme", Bucket: "press"}:           true,
		{Tenant: "acme", Bucket: "press/2026"}:      false,
		{Tenant: "acme", Bucket: "pressed"}:         false,
		{Tenant: "acme", Bucket: "expres"}:          false,
		{Tenant: "globex", Bucket: "press"}:         false,
		{Tenant: "acme", Bucket: "albums"}:          false,
		{Tenant: "acme", Bucket: "albums/summer"}:   true,
		{Tenant: "acme", Bucket: "albums/summer/1"}: false,
		{Tenant: "acme", Bucket: "www/a/b/c"}:       true,
		{Tenant: "acme", Bucket: "wwwx"}:            false,
		{Tenant: "globex", Bucket: "logo-1"}:        true,
		{Tenant: "globex", Bucket: "logo"}:          false,
		{Tenant: "", Bucket: "press"}:               false,
		{}:                                          false,
	} {
		if got := public.Cover(place); got != want {
			t.Errorf("%+v is public: %v, want %v", place, got, want)
		}
	}
	for _, wrong := range []string{"press", "/press", "acme/", "*/press", "ac*/press", "acme/../x", "acme//x", "acme/Press", "acme/a b", "acme/***", "acme/[a]", "acme/press/"} {
		if _, err := access.NewPublicBuckets([]string{wrong}); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
}

func TestWhoMayReadAVariant(t *testing.T) {
	public, err := access.NewPublicBuckets([]string{"acme/press"})
	if err != nil {
		t.Fatal(err)
	}
	press, private := core.Image{ID: "1", Tenant: "acme", Bucket: "press"}, core.Image{ID: "2", Tenant: "acme", Bucket: "default"}
	linked := core.Principal{Tenant: "acme", Subject: "link:k1", Link: &core.Link{Image: "2", Variant: "thumb"}}
	reader := core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeRead}}
	for name, c := range map[string]struct {
		err  error
		want core.Slug
	}{
		"anybody what is public":           {access.MayReadVariant(core.Principal{}, press, "thumb", public), ""},
		"nobody what is not":               {access.MayReadVariant(core.Principal{}, private, "thumb", public), core.Slug(core.Unauthenticated)},
		"nobody where nothing is":          {access.MayReadVariant(core.Principal{}, press, "thumb", nil), core.Slug(core.Unauthenticated)},
		"a link what it names":             {access.MayReadVariant(linked, private, "thumb", public), ""},
		"a link no other variant":          {access.MayReadVariant(linked, private, "large", public), core.SignatureInvalid},
		"a link no other image":            {access.MayReadVariant(linked, press, "thumb", public), core.SignatureInvalid},
		"a reader":                         {access.MayReadVariant(reader, private, "thumb", public), ""},
		"not a token without the scope":    {access.MayReadVariant(core.Principal{Subject: "lou"}, private, "thumb", public), core.InsufficientScope},
		"a link is no scope":               {access.May(linked, core.ScopeRead), core.InsufficientScope},
		"a link opens no original":         {access.MaySeeOriginal(linked, private), core.InsufficientScope},
		"a link changes nothing":           {access.MayChange(linked, private), core.InsufficientScope},
		"what is public opens no original": {access.MaySeeOriginal(core.Principal{}, press), core.InsufficientScope},
	} {
		t.Run(name, func(t *testing.T) {
			if got := core.SlugOf(c.err); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
