package rest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"

	"imgd/adapters/rest/internal/api"
	"imgd/core"
)

// explain gives an error of the transport or of generated code its kind. One
// that has a kind keeps it.
func explain(err error) error {
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	if e, ok := errors.AsType[*api.InvalidParamFormatError](err); ok {
		return wrongParameter(e.ParamName, "cannot be read", err)
	}
	if e, ok := errors.AsType[*api.RequiredParamError](err); ok {
		return wrongParameter(e.ParamName, "is missing", err)
	}
	if e, ok := errors.AsType[*api.RequiredHeaderError](err); ok {
		return wrongParameter(e.ParamName, "is missing", err)
	}
	if e, ok := errors.AsType[*api.TooManyValuesForParamError](err); ok {
		return wrongParameter(e.ParamName, "came more than once", err)
	}
	if e, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return core.TooLarge.Errorf("the body has more than %d bytes; send less", e.Limit).With("limit", e.Limit).Because(err)
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return core.RequestTimeout.Errorf("the body came too slowly; send it again over a better line").Because(err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return core.InvalidBody.Errorf("the body ended before all of it had come; send it again").Because(err)
	case errors.Is(err, http.ErrMissingBoundary), errors.Is(err, http.ErrNotMultipart):
		return core.InvalidMultipart.Errorf("the Content-Type has no boundary; let your HTTP library write it").Because(err)
	case errors.Is(err, context.Canceled):
		return err
	}
	return core.InvalidBody.Errorf("the request cannot be read; compare it with openapi.yaml").Because(err)
}

func wrongParameter(name, what string, cause error) error {
	return core.InvalidParameter.Errorf("%s %s", name, what).With("parameter", name).Because(cause)
}
