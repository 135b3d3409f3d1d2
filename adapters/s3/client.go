package s3

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go/middleware"
)

// How long a store may keep silent at each step. A dead one is found out within
// five seconds, whatever it died of.
const (
	dialing    = 3 * time.Second
	agreeing   = 500 * time.Millisecond  // to take a body, before it is sent unasked
	taking     = 3 * time.Second         // the next bytes of a body
	answering  = 3500 * time.Millisecond // from the end of a request to the answer's beginning
	completing = time.Minute             // the same where the store copies parts together
	sending    = 10 * time.Second        // the next bytes of an answer
	idling     = 8 * time.Second         // shorter than sending: an unused connection is closed, not timed out
)

// newHTTPClient speaks HTTP/1.1, which is what S3 speaks, with the proxies and the
// authorities of the AWS settings. It follows no redirect: a signature is for one
// host.
func newHTTPClient(cfg aws.Config, keep int, answering time.Duration) *http.Client {
	base, ok := cfg.HTTPClient.(*awshttp.BuildableClient)
	if !ok {
		base = awshttp.NewBuildableClient()
	}
	dialer := &net.Dialer{Timeout: dialing}
	tr := base.GetTransport()
	tr.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &impatient{Conn: conn, silence: max(sending, answering)}, nil
	}
	tr.TLSHandshakeTimeout = dialing
	tr.ResponseHeaderTimeout = answering
	tr.ExpectContinueTimeout = agreeing
	tr.IdleConnTimeout = idling
	tr.ReadBufferSize, tr.WriteBufferSize = 32<<10, 32<<10
	tr.MaxIdleConns, tr.MaxIdleConnsPerHost = keep, keep
	tr.ForceAttemptHTTP2 = false
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(true)
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// impatient is a connection whose peer has to take or send something every few
// seconds. How long all of it takes does not matter.
type impatient struct {
	net.Conn
	silence time.Duration
}

// Read waits for the next bytes.
func (c *impatient) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.silence)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write waits for its bytes to be taken. The answer's time begins anew, for it
// is read at the same time.
func (c *impatient) Write(p []byte) (int, error) {
	now := time.Now()
	if err := errors.Join(c.SetWriteDeadline(now.Add(taking)), c.SetReadDeadline(now.Add(c.silence))); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// newRetryer tries what fails quickly three times. What took its time to fail is
// not tried again: the caller would wait several times as long.
func newRetryer() aws.Retryer {
	collided := retry.RetryableErrorCode{Codes: map[string]struct{}{"ConditionalRequestConflict": {}, "OperationAborted": {}}}
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = 3
		o.MaxBackoff = 2 * time.Second
		o.Retryables = slices.Concat([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(waited)}, o.Retryables, []retry.IsErrorRetryable{collided})
	})
}

func waited(err error) aws.Ternary {
	if isTimeout(err) {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// observing tells f of every request.
func observing(f func(op string, took time.Duration, err error)) func(*middleware.Stack) error {
	observe := func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
		begun := time.Now()
		out, metadata, err := next.HandleDeserialize(ctx, in)
		f(awsmiddleware.GetOperationName(ctx), time.Since(begun), err)
		return out, metadata, err
	}
	return func(s *middleware.Stack) error {
		return s.Deserialize.Add(middleware.DeserializeMiddlewareFunc("imgdObserve", observe), middleware.Before)
	}
}
