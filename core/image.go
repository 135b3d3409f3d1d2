package core

import (
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"
)

// ImageState says how far an image has come.
type ImageState string

// An image is processing while a job of it is alive; then it is what its
// variants are: all ready, some ready, or none.
const (
	ImageProcessing ImageState = "processing"
	ImageReady      ImageState = "ready"
	ImagePartial    ImageState = "partial"
	ImageFailed     ImageState = "failed"
)

// Image is an accepted original and what is known of it. Its fields stand in the
// order of the table's columns.
type Image struct {
	ID            ID
	Tenant        string
	ExternalID    string // the caller's own name for it; unique in the tenant unless empty
	Bucket        string
	State         ImageState
	Owner         string // the subject that sent it
	Filename      string
	ContentType   string // detected, not claimed
	Bytes         int64
	SHA256        string // lower-case hex
	Width         int64  // after orientation
	Height        int64
	Pages         int64
	HasAlpha      bool
	MemoryBytes   int64  // that decoding it is predicted to need at most; 0 when nobody has said
	DominantColor string // #rrggbb, empty until a job has looked at the pixels
	AverageColor  string
	Blurhash      string
	Palette       Palette
	Thumbhash     string
	Phash         string
	Metadata      json.RawMessage // a JSON object
	Warnings      Warnings
	Version       int64 // grows with every change that a caller can see; the ETag
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time // a tombstone: every read is a NotFound
	ExpiresAt     *time.Time // when it is deleted by itself, nil for never
}

// Place is where the image is.
func (m Image) Place() Place { return Place{m.Tenant, m.Bucket, m.DeletedAt} }

// OriginalKey is where the original's bytes are.
func (m Image) OriginalKey() string { return "o/" + string(m.ID) }

// VariantState says how far a variant has come.
type VariantState string

// The states of a variant.
const (
	VariantPending VariantState = "pending"
	VariantIsReady VariantState = "ready"
	VariantIsBad   VariantState = "failed"
)

// Variant is one rendition of an image, under a name of the caller's. Its fields
// stand in the order of the table's columns.
type Variant struct {
	ImageID     ID
	Name        string
	Tenant      string
	JobID       ID // the job that makes it
	State       VariantState
	Transform   string // the canonical form, every default explicit
	BlobKey     string // empty until ready
	ContentType string
	Bytes       int64
	SHA256      string
	Width       int64
	Height      int64
	Pages       int64
	Error       *Failure // why it failed
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// ContentVersion names the content of a ready variant in its addresses: 16 digits of
// its hash. It is empty while there is no content.
func (v Variant) ContentVersion() string { return v.SHA256[:min(16, len(v.SHA256))] }

// VariantKey is where the bytes are that a renderer of a version makes of an image by
// the transform with a digest. When other bytes are there already, those of a job's
// epoch have a key of their own; epoch 0 is the first key.
func VariantKey(image ID, digest, renderer string, epoch int64, ext string) string {
	if epoch > 0 {
		renderer += fmt.Sprintf("-e%d", epoch)
	}
	return fmt.Sprintf("v/%s/%s-%s.%s", image, digest, renderer, ext)
}

// MadeBy reports whether a renderer of the version has made v, which is ready. Its key
// says so, and this is all that is ever read from a key.
func (v Variant) MadeBy(renderer string) bool {
	_, made, _ := strings.Cut(path.Base(v.BlobKey), "-")
	made = strings.TrimSuffix(made, path.Ext(made))
	return made == renderer || strings.HasPrefix(made, renderer+"-e")
}

// Settled is the state an image has when no job of it is alive.
func Settled(variants []Variant) ImageState {
	ready := 0
	for _, v := range variants {
		if v.State == VariantIsReady {
			ready++
		}
	}
	switch {
	case ready == 0:
		return ImageFailed
	case ready < len(variants):
		return ImagePartial
	}
	return ImageReady
}

// Facts is what a look at the pixels tells, taken from a small internal
// rendition and weighted by alpha, and what the file says of itself.
type Facts struct {
	DominantColor string // the most common cluster, #rrggbb
	AverageColor  string // the mean
	Blurhash      string
	Palette       Palette // the first is the dominant colour; empty when nothing can be seen
	Thumbhash     string  // base64
	Phash         string  // 16 digits of hexadecimal
	// Embedded is the EXIF, IPTC and XMP of the file as the JSON object of an
	// Embedded, nil when it has none.
	Embedded json.RawMessage `json:"-"`
}

// Palette are the most prominent colours of a picture, #rrggbb, the most prominent
// first. It is stored as a JSON list.
type Palette []string

// Value stores p as JSON; none is the empty list.
func (p Palette) Value() (driver.Value, error) {
	if p == nil {
		return "[]", nil
	}
	b, err := json.Marshal([]string(p))
	return string(b), err
}

// Scan reads what Value stored.
func (p *Palette) Scan(src any) error {
	switch v := src.(type) {
	case []byte:
		return json.Unmarshal(v, p)
	case string:
		return json.Unmarshal([]byte(v), p)
	}
	return fmt.Errorf("a palette is stored as JSON, not as %T", src)
}
