package rest

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/access"
	"imgd/core/deliver"
	"imgd/ports"
)

// defaultLinkLife is that of links nobody has asked more or less for.
const defaultLinkLife = time.Hour

// CreateLinks signs links to variants.
func (s *Server) CreateLinks(ctx context.Context, req api.CreateLinksRequestObject) (api.CreateLinksResponseObject, error) {
	life := defaultLinkLife
	if req.Body.ExpiresIn != nil {
		life = time.Duration(*req.Body.ExpiresIn) * time.Second
	}
	signed, err := s.Deliver.Sign(ctx, callOf(ctx).by, idOr(&req.ImageID), req.Body.Variants, life, value(req.Body.Redirect))
	if err != nil {
		return nil, err
	}
	list := api.LinkList{Items: []api.SignedLink{}}
	for _, l := range signed {
		list.Items = append(list.Items, api.SignedLink{Variant: l.Variant, URL: s.url("%s", target(l)), ExpiresAt: l.Expires.UTC()})
	}
	return api.CreateLinks200JSONResponse{Body: list}, nil
}

// target is the one way to write a link.
func target(l deliver.Signed) string {
	query := "exp=" + strconv.FormatInt(l.Expires.Unix(), 10) + "&kid=" + l.KeyID
	if l.Redirect {
		query += "&redirect=1"
	}
	query += "&sig=" + l.Signature
	if l.Version != "" {
		query += "&v=" + l.Version
	}
	return "/v1/images/" + string(l.Image) + "/variants/" + l.Variant + "?" + query
}

var targets = regexp.MustCompile(`^/v1/images/([0-9a-f-]{36})/variants/([a-z0-9_-]{1,64})` +
	`\?exp=([0-9]{1,12})&kid=([A-Za-z0-9_-]{1,32})(&redirect=1)?&sig=([A-Za-z0-9_-]{64})(?:&v=([0-9a-f]{16}))?$`)

// readTarget takes a link apart. What target would write in any other way, if only by
// a byte, is no link: two addresses that mean the same are one too many for a cache.
func readTarget(u *url.URL) (l deliver.Signed, err error) {
	written := u.RequestURI()
	m := targets.FindStringSubmatch(written)
	if m == nil {
		return l, access.LinkInvalid()
	}
	seconds, err := strconv.ParseInt(m[3], 10, 64)
	if err != nil {
		return l, access.LinkInvalid()
	}
	l = deliver.Signed{
		Link:  core.Link{Image: core.ID(m[1]), Variant: m[2], Version: m[7], Expires: time.Unix(seconds, 0), Redirect: m[5] != ""},
		KeyID: m[4], Signature: m[6],
	}
	if target(l) != written {
		return l, access.LinkInvalid()
	}
	return l, nil
}

// claimsLink reports whether an address wants to be a signed link, a true one or not.
func claimsLink(u *url.URL) bool {
	query := u.Query()
	return query.Has("exp") || query.Has("kid") || query.Has("sig")
}

// elsewhere is a redirect to the store, nil where the bytes are to be had from us.
func (s *Server) elsewhere(ctx context.Context, image core.ID, name string) (api.GetVariantResponseObject, error) {
	by := callOf(ctx).by
	address, err := s.Deliver.Elsewhere(ctx, by, image, name, func(f deliver.Found, life time.Duration) ports.Presentation {
		return ports.Presentation{
			ContentType: f.Variant.ContentType, Disposition: disposition("inline", variantFilename(f)), CacheControl: audience(by, f) + ", max-age=" + wholeSeconds(life),
		}
	})
	if err != nil || address == "" {
		return nil, err
	}
	return api.GetVariant307Response{Headers: api.GetVariant307ResponseHeaders{Location: address}}, nil
}

// caching says how long the bytes of a variant may be kept: while v names the content
// that is there for ever, but those that came by a link no longer than it is good for.
// Otherwise they have to be asked for anew.
func (s *Server) caching(by core.Principal, f deliver.Found, v string) string {
	switch {
	case v == "" || v != f.Variant.ContentVersion():
		return audience(by, f) + ", no-cache"
	case by.Link != nil:
		return audience(by, f) + ", max-age=" + wholeSeconds(s.Deliver.Left(*by.Link))
	}
	return audience(by, f) + ", max-age=31536000, immutable"
}

// audience is who may keep the bytes: caches that serve others only what others may
// read without showing who they are.
func audience(by core.Principal, f deliver.Found) string {
	if f.Public && by.Link == nil {
		return "public"
	}
	return "private"
}

func wholeSeconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// place finds the tenant of the image that somebody without a token wants to read. It
// looks into the records.
type place func(context.Context) (tenant string, err error)

// reader is who wants to read a variant: whoever has a link or a token, or anybody
// where something is public. Of those without a token the tenant is not known before
// they have been counted: it is for find to look it up.
func (s *Server) reader(r *http.Request) (by core.Principal, find place, err error) {
	switch {
	case claimsLink(r.URL):
		l, err := readTarget(r.URL)
		if err != nil {
			return by, nil, err
		}
		by, err = s.Deliver.Holder(l)
		return by, func(ctx context.Context) (string, error) { return s.Deliver.Redeem(ctx, l) }, err
	case s.Tokens == nil || len(r.Header.Values(header)) > 0:
		by, err = s.principal(r)
		return by, nil, err
	}
	id, err := core.ParseID(r.PathValue("image_id"))
	if err != nil {
		return by, nil, access.Stranger()
	}
	by, err = s.Deliver.Anybody()
	return by, func(ctx context.Context) (string, error) { return s.Deliver.TenantOfPublic(ctx, id) }, err
}
