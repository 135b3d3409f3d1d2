package ports

import (
	"context"
	"time"
)

// Presentation is how the bytes behind a link describe themselves to whoever
// fetches them. What is empty is as the store has it.
type Presentation struct {
	ContentType  string
	Disposition  string
	CacheControl string
}

// Links is what a store adds to Blobs when it can serve bytes itself. Not every
// store can.
type Links interface {
	// Link returns a URL under which anybody can GET the bytes of key, presented as
	// asked, until ttl is over; a ttl that the store cannot grant is Invalid. Whether
	// key is there is found out by the GET. The URL permits nothing else, and can not
	// be changed to mean another key or presentation.
	Link(ctx context.Context, key string, as Presentation, ttl time.Duration) (url string, err error)
}
