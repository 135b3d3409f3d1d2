package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	_ "image/jpeg" // reads variants
	_ "image/png"  // reads variants
	"math"
	"sync"
	"time"

	_ "golang.org/x/image/webp" // reads variants

	"imgd/e2e/caller"
)

// Sent is an upload that was acknowledged.
type Sent struct {
	Image, Job    string
	SHA256        string
	Width, Height int
}

// Digest is how Sent names bytes.
func Digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// sides are the longest sides of the default variants.
var sides = map[string]int{"thumbnail": 150, "medium": 600, "large": 1200, "original": 4096}

// patience is how long what belongs to one image may be refused: the servers are up
// again, so that an answer which is a 503 for longer says what is wrong.
const patience = time.Minute

// Check reads all that was sent through the API, the originals and the variants,
// and says what is not as it should be.
func Check(ctx context.Context, c *caller.Caller, sent []Sent) (wrong []string) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	work := make(chan Sent)
	for range 4 {
		wg.Go(func() {
			for s := range work {
				soon, cancel := context.WithTimeout(ctx, patience)
				for _, w := range s.check(soon, c) {
					mu.Lock()
					wrong = append(wrong, fmt.Sprintf("image %s: %s", s.Image, w))
					mu.Unlock()
				}
				cancel()
			}
		})
	}
	for _, s := range sent {
		work <- s
	}
	close(work)
	wg.Wait()
	return wrong
}

func (s Sent) check(ctx context.Context, c *caller.Caller) (wrong []string) {
	m, err := caller.Read[caller.Image](ctx, c, "/v1/images/"+s.Image)
	if err != nil {
		return []string{err.Error()}
	}
	if m.State != "ready" || len(m.Variants) != len(sides) {
		wrong = append(wrong, fmt.Sprintf("it is %s with %d variants, want ready with %d", m.State, len(m.Variants), len(sides)))
	}
	body, err := c.Get(ctx, "/v1/images/"+s.Image+"/original")
	if err != nil || Digest(body) != s.SHA256 {
		wrong = append(wrong, fmt.Sprintf("its original has the digest %s and %d bytes, %v; want %s", Digest(body), len(body), err, s.SHA256))
	}
	for _, v := range m.Variants {
		if err := s.variant(ctx, c, v); err != nil {
			wrong = append(wrong, fmt.Sprintf("variant %s: %v", v.Name, err))
		}
	}
	return wrong
}

// variant reads one variant and decodes it.
func (s Sent) variant(ctx context.Context, c *caller.Caller, v caller.Variant) error {
	body, err := c.Get(ctx, "/v1/images/"+s.Image+"/variants/"+v.Name)
	if err != nil {
		return err
	}
	if int64(len(body)) != v.Bytes || Digest(body) != v.SHA256 {
		return fmt.Errorf("%d bytes with the digest %s came, want %d with %s", len(body), Digest(body), v.Bytes, v.SHA256)
	}
	m, _, err := image.Decode(bytes.NewReader(body))
	if err != nil {
		return err
	}
	w, h := s.fitted(sides[v.Name])
	if got := m.Bounds(); off(got.Dx(), w) || off(got.Dy(), h) || got.Dx() != v.Width || got.Dy() != v.Height {
		return fmt.Errorf("it is %dx%d and said to be %dx%d, want %dx%d", got.Dx(), got.Dy(), v.Width, v.Height, w, h)
	}
	return nil
}

// fitted is the size of a variant: no side longer than most, and never enlarged.
func (s Sent) fitted(most int) (w, h int) {
	scale := min(1, float64(most)/float64(max(s.Width, s.Height)))
	return int(math.Round(float64(s.Width) * scale)), int(math.Round(float64(s.Height) * scale))
}

// off allows for one pixel of rounding.
func off(got, want int) bool { return got < want-1 || got > want+1 }
