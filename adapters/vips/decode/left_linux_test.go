//go:build !race

package decode_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"imgd/adapters/vips"
	"imgd/core"
)

// vast is the header of a WebP that is nearly as large as there can be.
func vast() []byte {
	const most = 15999 // plus one
	data := append(binary.LittleEndian.AppendUint32([]byte{0x2f}, most|most<<14), 0)
	b := append([]byte("RIFF\x00\x00\x00\x00WEBPVP8L"), byte(len(data)), 0, 0, 0)
	b = append(b, data...)
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

// The loader of WebP makes its canvas as soon as it reads the header. What cannot be
// decoded is refused before, by what its header is predicted to lead to, and leaves the
// decoder all its memory for whatever comes next.
func TestWhatIsTooLargeAWebPNeedsNoMemoryToBeRefused(t *testing.T) {
	p := open(t, func(c *vips.Config) { c.Limits.MemoryBytes = 512 << 20 })
	name := filepath.Join(t.TempDir(), "vast")
	if err := os.WriteFile(name, vast(), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	good := encoded(t, slope(3000, 2000), "png")
	for range 10 {
		_, err := p.Probe(t.Context(), f, int64(len(vast())))
		if core.SlugOf(err) != core.ImageTooComplex || !strings.Contains(err.Error(), "is predicted to take 1920000000 bytes") {
			t.Fatalf("256 million pixels of WebP: %v, want %s and what was predicted", err, core.ImageTooComplex)
		}
		all, err := render(t.Context(), t, p, good, "w=150")
		if err != nil || len(all) != 1 || all[0].Err != nil {
			t.Fatalf("after it a PNG of 3000 x 2000: %v, %+v", err, all)
		}
	}
}
