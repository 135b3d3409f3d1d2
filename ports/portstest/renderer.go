package portstest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"imgd/core"
	"imgd/core/transform"
	"imgd/ports"
)

// FakeRenderer keeps the promises of ports.Renderer without an imaging library,
// so that use cases can be tested without cgo. Its images are what FakeImage
// makes; anything else is UnsupportedMediaType.
type FakeRenderer struct {
	// Before, when set, runs at the start of each Render; its error ends it.
	Before func(context.Context, ports.Task) error
	// Between, when set, runs before each variant is emitted; its error becomes
	// that variant's own.
	Between func(context.Context, transform.Variant) error
	// Version stands in variants' keys.
	Version string
	// Memory, when set, is what an image and its variants may take together, at four
	// bytes a pixel.
	Memory int64
	// Embedded is what the files say of themselves; empty for nothing.
	Embedded string
	// Salt makes the bytes of renditions differ from those of another renderer.
	Salt string
}

// FakeImage is an image of the given size as FakeRenderer reads it.
func FakeImage(w, h int, note string) []byte {
	return fmt.Appendf(nil, "FAKE %dx%d %s\n", w, h, note)
}

// Check refuses what the real renderer is not expected to do either: jxl.
func (f *FakeRenderer) Check(spec transform.Spec) error {
	if spec.Ext() == "jxl" {
		return core.TransformUnsupported.Errorf("fmt=jxl cannot be done here").With("key", "fmt")
	}
	return nil
}

// Fits adds up the pixels.
func (f *FakeRenderer) Fits(of core.Probe, list []transform.Variant) error {
	need := of.MemoryBytes
	for _, v := range list {
		plan := v.Spec.Target(int(of.Width), int(of.Height))
		need += 4 * int64(plan.Width) * int64(plan.Height)
	}
	if f.Memory > 0 && need > f.Memory {
		return core.ImageTooComplex.Errorf("this takes %d bytes of memory, of which there are %d", need, f.Memory)
	}
	return nil
}

// Probe reads the size a FakeImage claims.
func (f *FakeRenderer) Probe(ctx context.Context, file *os.File, n int64) (core.Probe, error) {
	if ctx.Err() != nil {
		return core.Probe{}, context.Cause(ctx)
	}
	w, h, err := size(file, n)
	if err != nil {
		return core.Probe{}, err
	}
	return core.Probe{Format: "png", ContentType: "image/png", Width: w, Height: h, Pages: 1, MemoryBytes: w * h * 4}, nil
}

// Render emits a line of text for each variant.
func (f *FakeRenderer) Render(ctx context.Context, t ports.Task, emit func(ports.Rendition) error) (ports.Report, error) {
	report := ports.Report{CPUMS: 1}
	if f.Before != nil {
		if err := f.Before(ctx, t); err != nil {
			return report, err
		}
	}
	w, h, err := size(t.Source, t.Bytes)
	if err != nil {
		return report, err
	}
	for _, v := range t.Variants {
		if ctx.Err() != nil {
			return report, context.Cause(ctx)
		}
		if err := emit(f.rendition(ctx, v, int(w), int(h))); err != nil {
			return report, err
		}
	}
	if t.Facts {
		report.Facts = &core.Facts{
			DominantColor: "#102030", AverageColor: "#203040", Blurhash: "L00000fQfQfQfQfQfQfQfQfQfQfQ",
			Palette: core.Palette{"#102030", "#f0e0d0"}, Thumbhash: "0AEijwEI9wiIh4hwj3CI+AiIcH/4AAAA", Phash: "00ff00ff00ff00ff",
			Embedded: json.RawMessage(f.Embedded),
		}
	}
	return report, nil
}

func (f *FakeRenderer) rendition(ctx context.Context, v transform.Variant, w, h int) ports.Rendition {
	if f.Between != nil {
		if err := f.Between(ctx, v); err != nil {
			return ports.Rendition{Name: v.Name, Err: err}
		}
	}
	plan := v.Spec.Target(w, h)
	format := v.Spec.Fmt
	if format == transform.Auto {
		format = transform.AVIF // what it is, the renderer says
	}
	body := fmt.Appendf(nil, "%s %s %dx%d%s\n", v.Name, v.Spec, plan.Width, plan.Height, f.Salt)
	return ports.Rendition{
		Name: v.Name, ContentType: format.ContentType(), Ext: format.Ext(), Width: int64(plan.Width), Height: int64(plan.Height),
		Pages: 1, Bytes: int64(len(body)), Body: bytes.NewReader(body),
	}
}

// Capabilities names the fake.
func (f *FakeRenderer) Capabilities() core.Capabilities {
	version := f.Version
	if version == "" {
		version = "0"
	}
	return core.Capabilities{
		Read: []string{"png"}, Write: []string{"webp"}, Isolation: "none", Library: "none", Renderer: version,
		Transform: map[string][]string{"w": nil, "h": nil, "fmt": {"webp"}},
	}
}

func size(f *os.File, n int64) (w, h int64, err error) {
	head := make([]byte, min(n, 64))
	if _, err := io.ReadFull(io.NewSectionReader(f, 0, n), head); err != nil {
		return 0, 0, err
	}
	if !strings.HasPrefix(string(head), "FAKE ") {
		return 0, 0, core.UnsupportedMediaType.Errorf("this is not an image of a kind that is read here")
	}
	if _, err := fmt.Sscanf(string(head), "FAKE %dx%d", &w, &h); err != nil {
		return 0, 0, core.ImageUndecodable.Errorf("the image's size cannot be read").Because(err)
	}
	return w, h, nil
}
