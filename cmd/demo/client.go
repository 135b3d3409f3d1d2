package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"mime/multipart"
	"net/http"
	"time"

	"golang.org/x/image/webp"
)

// The parts of the contract that this demo reads.
type (
	job struct {
		ID      string  `json:"id"`
		ImageID string  `json:"image_id"`
		Image   picture `json:"image"`
	}
	picture struct {
		ID       string    `json:"id"`
		State    string    `json:"state"`
		Bytes    int64     `json:"bytes"`
		Width    int       `json:"width"`
		Height   int       `json:"height"`
		Variants []variant `json:"variants"`
	}
	variant struct {
		Name        string `json:"name"`
		State       string `json:"state"`
		ContentType string `json:"content_type"`
		Bytes       int64  `json:"bytes"`
		Width       int    `json:"width"`
		Height      int    `json:"height"`
		URL         string `json:"url"`
		Error       *struct {
			Detail string `json:"detail"`
		} `json:"error"`
	}
)

// look is one variant as it was fetched and decoded, or why it could not be.
type look struct {
	variant
	picture image.Image
	err     error
}

// story is what became of one upload.
type story struct {
	job       job
	answered  time.Duration // from the request to the 202
	thumbnail time.Duration // from the 202 until the thumbnail could be read
	finished  time.Duration // from the 202 until the image was at an end
	image     picture
	looks     []look
}

// expected are the variants of the default preset and the longest side of each;
// the picture is smaller than an original may be, and nothing is enlarged.
var expected = []struct {
	name string
	side int
}{{"thumbnail", 150}, {"medium", 600}, {"large", 1200}, {"original", 4032}}

// complaint is what is wrong with the story, or nil.
func (s story) complaint() error {
	var wrong []error
	if s.image.State != "ready" {
		wrong = append(wrong, fmt.Errorf("the image is %s, not ready", s.image.State))
	}
	for _, l := range s.looks {
		if l.err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", l.Name, l.err))
		}
	}
	return errors.Join(wrong...)
}

// send uploads the picture and follows it to its end.
func send(ctx context.Context, c client, file []byte) (s story, err error) {
	began := time.Now()
	if s.job, err = c.upload(ctx, file); err != nil {
		return s, err
	}
	accepted := time.Now()
	s.answered = accepted.Sub(began)
	for s.finished == 0 {
		if err := c.get(ctx, "/v1/images/"+s.job.ImageID, &s.image); err != nil {
			return s, err
		}
		if i := s.image.find("thumbnail"); s.thumbnail == 0 && i != nil && i.State == "ready" {
			if _, _, err := c.fetch(ctx, i.URL); err != nil {
				return s, err
			}
			s.thumbnail = time.Since(accepted)
		}
		if s.image.State != "processing" {
			s.finished = time.Since(accepted)
			break
		}
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("the image is still %s: %w", s.image.State, ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	for _, e := range expected {
		s.looks = append(s.looks, c.look(ctx, s.image.find(e.name), e.name, e.side))
	}
	return s, nil
}

func (p picture) find(name string) *variant {
	for i := range p.Variants {
		if p.Variants[i].Name == name {
			return &p.Variants[i]
		}
	}
	return nil
}

// client speaks to one imgd.
type client struct{ base string }

func (c client) upload(ctx context.Context, file []byte) (j job, err error) {
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "lake.jpg")
	if err != nil {
		return j, err
	}
	if _, err := part.Write(file); err != nil {
		return j, err
	}
	if err := form.Close(); err != nil {
		return j, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base+"/v1/images", &body)
	if err != nil {
		return j, err
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	answer, _, err := do(req, http.StatusAccepted)
	if err != nil {
		return j, fmt.Errorf("the upload: %w", err)
	}
	return j, json.Unmarshal(answer, &j)
}

func (c client) get(ctx context.Context, path string, v any) error {
	answer, _, err := c.fetch(ctx, c.base+path)
	if err != nil {
		return err
	}
	return json.Unmarshal(answer, v)
}

func (c client) fetch(ctx context.Context, url string) (body []byte, contentType string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	return do(req, http.StatusOK)
}

// do sends a request that is to be answered with want.
func do(req *http.Request, want int) (body []byte, contentType string, err error) {
	resp, err := http.DefaultClient.Do(req) // #nosec G704 -- our own child
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if body, err = io.ReadAll(resp.Body); err != nil {
		return nil, "", err
	}
	if resp.StatusCode != want {
		return nil, "", fmt.Errorf("%s %s was answered %s: %s", req.Method, req.URL, resp.Status, body)
	}
	return body, resp.Header.Get("Content-Type"), nil
}

// look fetches a variant and holds it against what was promised.
func (c client) look(ctx context.Context, v *variant, name string, side int) look {
	if v == nil {
		return look{variant: variant{Name: name, State: "missing"}, err: errors.New("there is no such variant")}
	}
	l := look{variant: *v}
	if v.State != "ready" {
		l.err = fmt.Errorf("it is %s", v.State)
		if v.Error != nil {
			l.err = fmt.Errorf("it is %s: %s", v.State, v.Error.Detail)
		}
		return l
	}
	body, contentType, err := c.fetch(ctx, v.URL)
	if err != nil {
		l.err = err
		return l
	}
	if l.picture, err = webp.Decode(bytes.NewReader(body)); err != nil {
		l.err = fmt.Errorf("it cannot be decoded: %w", err)
		return l
	}
	size := l.picture.Bounds().Size()
	switch {
	case contentType != "image/webp" || v.ContentType != contentType:
		l.err = fmt.Errorf("it is declared %s and sent as %s, want image/webp", v.ContentType, contentType)
	case int64(len(body)) != v.Bytes:
		l.err = fmt.Errorf("%d bytes arrived of %d", len(body), v.Bytes)
	case size != image.Pt(v.Width, v.Height):
		l.err = fmt.Errorf("it has %v pixels, not the %dx%d that are recorded", size, v.Width, v.Height)
	case max(size.X, size.Y) != side:
		l.err = fmt.Errorf("its longest side is %d, want %d", max(size.X, size.Y), side)
	}
	return l
}
