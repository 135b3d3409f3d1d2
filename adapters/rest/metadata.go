package rest

import (
	"context"
	"encoding/json"
	"fmt"

	"imgd/adapters/rest/internal/api"
)

// GetEmbeddedMetadata answers with what the file of an image says of itself.
func (s *Server) GetEmbeddedMetadata(ctx context.Context, req api.GetEmbeddedMetadataRequestObject) (api.GetEmbeddedMetadataResponseObject, error) {
	r, document, err := s.Library.Embedded(ctx, callOf(ctx).by, idOr(&req.ImageID))
	if err != nil {
		return nil, err
	}
	out := api.EmbeddedMetadata{ImageID: r.Image.ID}
	if document != nil {
		if err := json.Unmarshal(document, &out); err != nil {
			return nil, fmt.Errorf("the metadata of image %s cannot be read: %w", r.Image.ID, err)
		}
	}
	for _, tags := range []*api.EmbeddedTags{&out.Exif, &out.Iptc, &out.Xmp} {
		if len(*tags) == 0 {
			*tags = api.EmbeddedTags("{}")
		}
	}
	return api.GetEmbeddedMetadata200JSONResponse{Body: out}, nil
}
