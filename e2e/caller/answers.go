package caller

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

type (
	// Job is what an upload is answered with.
	Job struct {
		ID      string   `json:"id"`
		ImageID string   `json:"image_id"`
		State   string   `json:"state"`
		Attempt int      `json:"attempt"`
		Error   *Problem `json:"error"`
	}
	// Image is an image with its variants.
	Image struct {
		ID       string    `json:"id"`
		State    string    `json:"state"`
		Width    int       `json:"width"`
		Height   int       `json:"height"`
		Variants []Variant `json:"variants"`
	}
	// Variant is one rendition of an image.
	Variant struct {
		Name        string `json:"name"`
		State       string `json:"state"`
		ContentType string `json:"content_type"`
		Bytes       int64  `json:"bytes"`
		SHA256      string `json:"sha256"`
		Width       int    `json:"width"`
		Height      int    `json:"height"`
		URL         string `json:"url"`
	}
	// Event is one line of an image's story.
	Event struct {
		Type   string         `json:"type"`
		Actor  string         `json:"actor"`
		At     time.Time      `json:"at"`
		Detail map[string]any `json:"detail"`
	}
	// Problem says what went wrong.
	Problem struct {
		Type   string `json:"type"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}
)

// Answer is a response that was read.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Slug is the last part of the problem's type.
func (a Answer) Slug() string {
	var p Problem
	_ = json.Unmarshal(a.Body, &p)
	return p.Type[strings.LastIndexByte(p.Type, '/')+1:]
}

// Again reports whether sending the same once more makes sense.
func (a Answer) Again() bool {
	return a.Status >= 500 || a.Status == http.StatusTooManyRequests || a.Slug() == "idempotency-in-progress"
}

// RetryAfter is how long the answer asks to wait.
func (a Answer) RetryAfter() time.Duration {
	seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
	return time.Duration(seconds) * time.Second
}
