package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// store keeps a rendition's bytes and returns its row.
func (a *attempt) store(ctx context.Context, r ports.Rendition) (core.Variant, error) {
	v := core.Variant{ImageID: a.job.ImageID, Name: r.Name, Tenant: a.job.Tenant, JobID: a.job.ID, State: core.VariantIsBad}
	i := slices.IndexFunc(a.todo, func(t transform.Variant) bool { return t.Name == r.Name })
	if i < 0 {
		return v, fmt.Errorf("the renderer made a variant %q that nobody asked for", r.Name)
	}
	spec := a.todo[i].Spec
	v.Transform = spec.String()
	if r.Err != nil {
		v.Error = core.FailureOf(r.Err)
		return v, nil
	}
	info, key, err := a.put(ctx, spec, r)
	if err != nil {
		return v, err
	}
	for _, w := range r.Warnings {
		w.Variant = r.Name
		a.warned = append(a.warned, w)
	}
	v.State, v.BlobKey, v.ContentType = core.VariantIsReady, key, r.ContentType
	v.Bytes, v.SHA256 = info.Bytes, info.SHA256
	v.Width, v.Height, v.Pages = r.Width, r.Height, r.Pages
	return v, nil
}

// put creates the blob, unless another variant of this attempt came out as the
// same bytes, as most of a small image do: a row names its object, and several may
// name the same one. When its key exists, an earlier attempt was here: the
// same bytes serve again, others get a key of this epoch's own, so that nothing
// ever changes behind a row.
func (a *attempt) put(ctx context.Context, spec transform.Spec, r ports.Rendition) (ports.Info, string, error) {
	same, err := a.twin(r)
	if err != nil || a.stored[same] != "" {
		return ports.Info{Bytes: r.Bytes, SHA256: same.sha256}, a.stored[same], err
	}
	info, key, err := a.create(ctx, spec, r)
	if err == nil {
		a.cost.WriteBytes += info.Bytes
	}
	if err == nil && same.sha256 != "" {
		a.stored[same] = key
	}
	return info, key, err
}

// content is what makes two renditions one object.
type content struct{ sha256, ext string }

// small is how many bytes are worth a look before they are stored.
const small = 64 << 10

// twin names the content of a small rendition; a large one has none.
func (a *attempt) twin(r ports.Rendition) (content, error) {
	if r.Bytes > small {
		return content{}, nil
	}
	_, sum, err := digest(r.Body)
	if err != nil {
		return content{}, err
	}
	_, err = r.Body.Seek(0, io.SeekStart)
	return content{sum, r.Ext}, err
}

func (a *attempt) create(ctx context.Context, spec transform.Spec, r ports.Rendition) (ports.Info, string, error) {
	digest, renderer := spec.Digest(), a.s.Render.Capabilities().Renderer
	key := core.VariantKey(a.job.ImageID, digest, renderer, 0, r.Ext)
	a.made = append(a.made, key)
	info, err := a.s.Blobs.Create(ctx, key, r.ContentType, r.Body)
	if core.KindOf(err) != core.Conflict {
		return info, key, err
	}
	if info, err = a.same(ctx, key, r.Body); err != nil || info.SHA256 != "" {
		return info, key, err
	}
	if _, err := r.Body.Seek(0, io.SeekStart); err != nil {
		return ports.Info{}, "", err
	}
	key = core.VariantKey(a.job.ImageID, digest, renderer, a.job.Epoch, r.Ext)
	a.made = append(a.made, key)
	info, err = a.s.Blobs.Create(ctx, key, r.ContentType, r.Body)
	return info, key, err
}

// disown has swept what this attempt may have made, unless somebody needs it: its
// image may be deleted by now and its objects swept, and nothing of them is to come
// back.
func (a *attempt) disown(ctx context.Context) error {
	if a.s.Sweeps == nil || len(a.made) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.s.Lease)
	defer cancel()
	_, err := a.s.Sweeps.Mark(ctx, a.made, 0)
	return err
}

// same returns what is stored under key if it is the bytes of body, else nothing.
func (a *attempt) same(ctx context.Context, key string, body io.ReadSeeker) (ports.Info, error) {
	b, err := a.s.Blobs.Open(ctx, key)
	if core.KindOf(err) == core.NotFound {
		return ports.Info{}, nil // swept meanwhile
	}
	if err != nil {
		return ports.Info{}, err
	}
	defer b.Close() //nolint:errcheck // it was only read
	_, stored, err := digest(b)
	if err != nil {
		return ports.Info{}, err
	}
	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return ports.Info{}, err
	}
	n, made, err := digest(body)
	if err != nil || made != stored {
		return ports.Info{}, err
	}
	return ports.Info{Bytes: n, SHA256: made}, nil
}

func digest(r io.Reader) (int64, string, error) {
	sum := sha256.New()
	n, err := io.Copy(sum, r)
	return n, hex.EncodeToString(sum.Sum(nil)), err
}
