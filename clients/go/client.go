// Package imgd is a client of imgd: it uploads an image and waits for its variants,
// and has every call of the API as a method. What was refused because the service is
// busy, and what was lost on the way, it sends again where that is safe; whatever is
// not answered as asked is an error, a *Problem if the service said why.
package imgd

import (
	"context"
	"net/http"
	"time"

	"imgd/clients/go/api"
)

type (
	// Image is an image with its variants.
	Image = api.Image
	// Job is the work on an image.
	Job = api.Job
	// Variant is one rendition of an image.
	Variant = api.Variant
)

// Client speaks to one imgd. Beside its own methods it has those of the contract,
// once each for the answer as it comes (GetImage) and as it was read
// (GetImageWithResponse). Either returns a *Problem for an answer of 400 or more, so
// that the member for the good answer is there whenever the error is nil.
type Client struct {
	*api.ClientWithResponses
}

// Options are what New does not have to be told.
type Options struct {
	// Token returns the bearer token to send. It is asked before every try, so it should
	// keep a token for as long as that is good. Nil, or an empty one: none is sent.
	Token func(ctx context.Context) (string, error)
	// HTTP sends requests; nil is a client of its own. A Timeout of it has to be longer
	// than an upload and than the half minute for which the service may hold an answer.
	HTTP *http.Client
	// Tries is how often a request is sent in all; 0 counts as 5, 1 is never again.
	Tries int
	// Pause is how long to wait before the second try; each later wait is twice as long,
	// and a part of it is left to chance. 0 counts as 250 ms.
	Pause time.Duration
	// Longest is the longest wait between two tries; 0 counts as 30 s. If the service asks
	// for a longer one (Retry-After), its answer is returned instead.
	Longest time.Duration
}

// New is a client of the service at a URL, such as https://images.example.com.
func New(url string, o Options) (*Client, error) {
	s := &sender{Options: o}
	if s.HTTP == nil {
		s.HTTP = &http.Client{}
	}
	if s.Tries == 0 {
		s.Tries = 5
	}
	if s.Pause == 0 {
		s.Pause = 250 * time.Millisecond
	}
	if s.Longest == 0 {
		s.Longest = 30 * time.Second
	}
	c, err := api.NewClientWithResponses(url, api.WithHTTPClient(s))
	return &Client{c}, err
}
