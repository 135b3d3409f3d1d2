package rest

import (
	"context"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
	"imgd/core/access"
)

// GetCapabilities answers what this build can do.
func (s *Server) GetCapabilities(ctx context.Context, _ api.GetCapabilitiesRequestObject) (api.GetCapabilitiesResponseObject, error) {
	if err := access.May(callOf(ctx).by, core.ScopeRead); err != nil {
		return nil, err
	}
	c := s.Capabilities()
	l := c.Limits
	presets := map[string]map[string]api.Transform{}
	for name, list := range s.Ingest.Presets() {
		presets[name] = map[string]api.Transform{}
		for _, v := range list {
			presets[name][v.Name] = v.Spec.String()
		}
	}
	able := map[string][]string{}
	for key, words := range c.Transform {
		able[key] = append([]string{}, words...)
	}
	return api.GetCapabilities200JSONResponse{Body: api.Capabilities{
		Formats: api.Capabilities_Formats{Read: append([]string{}, c.Read...), Write: append([]string{}, c.Write...)},
		Limits: api.Limits{
			UploadBytes: maybe(max(l.UploadBytes, s.Ingest.MaxBytes)), Pixels: maybe(l.Pixels), Side: maybe(l.Side), Frames: maybe(l.Frames),
		},
		Presets: presets, Transform: able, Isolation: c.Isolation, Library: c.Library, Renderer: c.Renderer,
	}}, nil
}
