package core

import "time"

// Link is what a signed address permits: to read one variant of one image, whoever
// asks, until it expires.
type Link struct {
	Image    ID
	Variant  string
	Version  string    // the content that was there, as addresses name it; empty when there was none yet
	Expires  time.Time // a whole second
	Redirect bool      // whether to send the reader on to the store, where that serves bytes itself
}

// Place is where an image is, or was until it was deleted.
type Place struct {
	Tenant    string
	Bucket    string
	DeletedAt *time.Time
}
