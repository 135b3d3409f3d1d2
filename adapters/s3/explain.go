package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"imgd/core"
)

// soon is when a store that is away may be asked again, unless it says itself.
const soon = 2 * time.Second

// kinds of what stores answer, by its code; what is not here is judged by its
// status.
var kinds = map[string]core.Kind{
	"NoSuchKey":                      core.NotFound,
	"NotFound":                       core.NotFound,
	"PreconditionFailed":             core.Conflict,
	"ConditionalRequestConflict":     core.Conflict,
	"NoSuchBucket":                   core.Unavailable, // it is not the key that is missing
	"NoSuchUpload":                   core.Unavailable, // it was aborted under our hands
	"SlowDown":                       core.Unavailable,
	"RequestTimeout":                 core.Unavailable,
	"OperationAborted":               core.Unavailable,
	"BadDigest":                      core.Unavailable, // these three: the bytes changed on their way
	"XAmzContentSHA256Mismatch":      core.Unavailable,
	"XAmzContentChecksumMismatch":    core.Unavailable,
	"QuotaExceeded":                  core.Full,
	"QuotaExceededException":         core.Full,
	"InsufficientStorage":            core.Full,
	"XMinioStorageFull":              core.Full,
	"XMinioAdminBucketQuotaExceeded": core.Full,
	"InvalidAccessKeyId":             core.Forbidden,
	"SignatureDoesNotMatch":          core.Forbidden,
	"AccessDenied":                   core.Forbidden,
	"ExpiredToken":                   core.Forbidden,
	"InvalidToken":                   core.Forbidden,
	"XAdminUserNotFound":             core.Forbidden,
	"RequestTimeTooSkewed":           core.Forbidden,
}

// explain gives errors of a store the kind the core understands. An ended context
// speaks for itself.
func (b *Blobs) explain(ctx context.Context, key string, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	code, status := answer(err)
	switch kind := cmp.Or(kinds[code], kindOf(status, err)); kind {
	case core.NotFound:
		return core.NotFound.Errorf("nothing is stored under %s", key).Because(err)
	case core.Conflict:
		return core.Conflict.Errorf("something is stored under %s already", key).Because(err)
	case core.Full:
		return core.InsufficientStorage.Errorf("the store has no room left").Because(err)
	case core.Unavailable:
		return core.Unavailable.Errorf("the store does not answer as it should; try again in a moment").After(retryAfter(err)).Because(err)
	case core.Forbidden: // us, not the caller
		return fmt.Errorf("the store refuses the credentials it was shown: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, the clock, and the rights on the bucket %s: %w", b.bucket, err)
	}
	return fmt.Errorf("the store: %w", err)
}

// kindOf judges an answer without a code that we know, or none.
func kindOf(status int, err error) core.Kind {
	switch status {
	case 0:
		if isBroken(err) {
			return core.Unavailable
		}
		return core.Internal
	case http.StatusNotFound: // of what else than a key: a server that is no store, or an account
		return core.Internal
	case http.StatusPreconditionFailed:
		return core.Conflict
	case http.StatusForbidden, http.StatusUnauthorized:
		return core.Forbidden
	case http.StatusInsufficientStorage:
		return core.Full
	case http.StatusNotImplemented:
		return core.Internal
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return core.Unavailable
	}
	if status >= 500 || status < 300 { // an answer that says yes and cannot be read was cut
		return core.Unavailable
	}
	return core.Internal
}

// answer is what the store said: its code and status, none when it said nothing.
func answer(err error) (code string, status int) {
	if e, ok := errors.AsType[smithy.APIError](err); ok {
		code = e.ErrorCode()
	}
	if e, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		status = e.HTTPStatusCode()
	}
	return code, status
}

// isBroken reports whether the line broke, or never came to be.
func isBroken(err error) bool {
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return true
	}
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

func retryAfter(err error) time.Duration {
	e, ok := errors.AsType[*smithyhttp.ResponseError](err)
	if !ok || e.Response == nil {
		return soon
	}
	seconds, err := strconv.Atoi(e.Response.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return soon
	}
	return min(time.Duration(seconds)*time.Second, time.Minute)
}
