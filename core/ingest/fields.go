package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"imgd/core"
	"imgd/core/access"
	"imgd/core/transform"
)

// Fields are the fields of an upload as they came: text, and empty where they
// did not come.
type Fields struct {
	Bucket     string
	ExternalID string
	Filename   string // overrides the file's own
	Metadata   string // a JSON object
	Preset     string
	Variants   string // a JSON object of name: transform
	ExpiresAt  string // RFC 3339
}

// request is what Fields mean.
type request struct {
	bucket, externalID string
	metadata           json.RawMessage
	variants           []transform.Variant
	expiresAt          *time.Time // nil for never
}

// read says what the fields mean, or what is wrong with them.
func (s *Service) read(ctx context.Context, by core.Principal, f Fields) (r request, err error) {
	if r.bucket, err = core.Bucket(f.Bucket); err != nil {
		return r, err
	}
	if r.externalID, err = core.ExternalID(f.ExternalID); err != nil {
		return r, err
	}
	if r.metadata, err = core.Metadata([]byte(f.Metadata)); err != nil {
		return r, err
	}
	if r.expiresAt, err = s.expires(f.ExpiresAt); err != nil {
		return r, err
	}
	r.variants, err = s.wanted(ctx, by, f.Preset, f.Variants)
	return r, err
}

// expires is the time at which the image is to be deleted by itself.
func (s *Service) expires(text string) (*time.Time, error) {
	if text == "" {
		return nil, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, core.InvalidParameter.Errorf("expires_at %q is not a time as RFC 3339 writes it, such as 2026-08-01T12:00:00Z", clip(text)).With("parameter", "expires_at")
	}
	at, err = core.ExpiresAt(at, s.Now())
	return &at, err
}

// wanted is the list of variants a request asks for: a preset's, its own, or the
// default's, each of which the renderer can do, with the watermarks of the tenant. Who
// names a watermark would see it in the variant, and so has to be allowed to read it.
func (s *Service) wanted(ctx context.Context, by core.Principal, preset, variants string) (list []transform.Variant, err error) {
	var may func(core.Image) error
	switch {
	case preset != "" && variants != "":
		return nil, core.InvalidVariants.Errorf("the request has both preset and variants; send one of them")
	case variants != "":
		may = func(m core.Image) error { return access.AskToRead(ctx, s.Policy, by, m) }
		if list, err = transform.ParseVariants([]byte(variants)); err != nil {
			return nil, err
		}
	default:
		if preset == "" {
			preset = transform.DefaultName
		}
		if list, err = s.Presets().Find(preset); err != nil {
			return nil, err
		}
	}
	for _, v := range list {
		if err := s.Render.Check(v.Spec); err != nil {
			return nil, naming(v.Name, err)
		}
	}
	return resolve(ctx, s.Images, by.Tenant, may, list)
}

// naming adds the variant's name to what is wrong with it.
func naming(name string, err error) error {
	e, ok := errors.AsType[*core.Error](err)
	if !ok {
		return err
	}
	e = e.With("variant", name)
	e.Detail = "variant " + name + ": " + e.Detail
	return e
}

func clip(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:40], "") + "…"
}
