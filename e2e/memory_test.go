package e2e

import (
	"bytes"
	"encoding/binary"
	"io"
	"mime/multipart"
	"net/http"
	"testing"
	"time"

	"imgd/e2e/rig"
)

// tiff is an uncompressed RGB image of the given side, as a header and a stream
// of pixels: the largest valid file for the least work.
func tiff(side uint32) (io.Reader, int64) {
	pixels := int64(side) * int64(side) * 3
	const strip = 64 // rows
	strips := (side + strip - 1) / strip
	entries := []struct {
		tag, kind    uint16
		count, value uint32
	}{
		{256, 4, 1, side}, {257, 4, 1, side}, {258, 3, 3, 0}, {259, 3, 1, 1}, {262, 3, 1, 2}, {273, 4, strips, 0},
		{277, 3, 1, 3}, {278, 4, 1, strip}, {279, 4, strips, 0}, {284, 3, 1, 1},
	}
	after := uint32(8 + 2 + 12*len(entries) + 4)
	bits, offsets := after, after+6
	sizes := offsets + 4*strips
	data := sizes + 4*strips
	entries[2].value, entries[5].value, entries[8].value = bits, offsets, sizes
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	put([]byte("II*\x00"))
	put(uint32(8))
	put(uint16(len(entries)))
	for _, e := range entries {
		put(e.tag)
		put(e.kind)
		put(e.count)
		put(e.value)
	}
	put(uint32(0))
	put([]uint16{8, 8, 8})
	for i := range strips {
		put(data + i*strip*side*3)
	}
	for i := range strips {
		put(min(strip, side-i*strip) * side * 3)
	}
	return io.MultiReader(&b, io.LimitReader(ramp{}, pixels)), int64(b.Len()) + pixels
}

// ramp is an endless gradient.
type ramp struct{}

func (ramp) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i >> 4)
	}
	return len(p), nil
}

func TestALargeUploadDoesNotFillTheAPIsMemory(t *testing.T) {
	const most = 32 << 20
	p := rig.NewSite(t, shipped, "IMGD_MAX_UPLOAD_BYTES=256MiB").Start(t, "api")
	small, n := tiff(64)
	if a := stream(t, p.URL, small, n); a.status != http.StatusAccepted {
		t.Fatalf("a small image was answered %d: %s", a.status, a.body)
	}
	before := p.Memory(t)
	peak, stop := before, make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				peak = max(peak, p.Memory(t))
			}
		}
	}()
	large, n := tiff(8200)
	a := stream(t, p.URL, large, n)
	close(stop)
	<-watched
	if a.status != http.StatusAccepted {
		t.Fatalf("an image of %d bytes was answered %d: %s", n, a.status, a.body)
	}
	if m := decode[job](t, a).Image; m.Width != 8200 || m.Height != 8200 {
		t.Errorf("the image is %dx%d, want 8200x8200", m.Width, m.Height)
	}
	t.Logf("an upload of %d MB took the API from %d to at most %d MiB", n/1e6, before>>20, peak>>20)
	if peak-before > most {
		t.Errorf("an upload of %d bytes added %d bytes to the API's memory, want at most %d", n, peak-before, most)
	}
}

// stream uploads without holding the file.
func stream(t *testing.T, url string, file io.Reader, n int64) answer {
	t.Helper()
	r, w := io.Pipe()
	form := multipart.NewWriter(w)
	go func() {
		part, err := form.CreateFormFile("file", "large.tif")
		if err == nil {
			_, err = io.CopyN(part, file, n)
		}
		if err == nil {
			err = form.Close()
		}
		_ = w.CloseWithError(err)
	}()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/v1/images", r)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	a, err := send(req)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
