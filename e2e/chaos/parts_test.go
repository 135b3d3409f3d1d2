package chaos

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

// An original above 16 MiB goes to S3 in parts, which the store keeps for ever when
// nobody puts them together.
func TestAProcessKilledInALargeUploadLeavesPartsThatTheDoctorRemoves(t *testing.T) {
	t.Parallel()
	site := rig.NewProduction(t, shipped, "IMGD_LOG_LEVEL=error", "IMGD_DECODERS=1", "IMGD_WORKERS=1")
	first, books := site.Start(t, "serve"), ledger.Open(t, site)
	file := noise(t, 1, 2600)
	if len(file) < 18<<20 {
		t.Fatalf("the picture has %d bytes, and is too small for this", len(file))
	}
	stall(t, first.URL, file, 18<<20, "the-one")
	var open []string
	eventually(t, "an open upload in the store", 20*time.Second, func() bool {
		open = unfinished(t, books)
		return len(open) > 0
	})
	if len(open) != 1 || !strings.HasPrefix(open[0], "o/") {
		t.Fatalf("open uploads are %q, want one of an original", open)
	}
	first.Kill9()

	client := caller.At(site.Start(t, "serve").URL)
	client.Patience = time.Minute             // it is a lot of bytes
	j := accepted(t, client, file, "the-one") // its key is held for 30 s by the upload that died
	succeeded(t, client, j.ID, time.Minute)
	if got := unfinished(t, books); !slices.Equal(got, open) {
		t.Errorf("after the upload was repeated, open are %q, want %q as before", got, open)
	}
	treat := func(args ...string) string {
		said, err := books.Treat(within(t, time.Minute), append([]string{"--fix"}, args...)...)
		if err != nil {
			t.Error(err)
		}
		return said
	}
	treat()
	if got := unfinished(t, books); !slices.Equal(got, open) {
		t.Errorf("doctor --fix left %q open of %q, want that which may still grow left alone", got, open)
	}
	if said := treat("--age=1ms"); !strings.Contains(said, "1 half-written uploads are removed") {
		t.Errorf("of one that is old enough, doctor --fix says\n%s", said)
	}
	if got := unfinished(t, books); len(got) != 0 {
		t.Errorf("after doctor --fix %q are still open", got)
	}
	one(t, client, books, ledger.Sent{Image: j.ImageID, Job: j.ID, SHA256: ledger.Digest(file), Width: 2600, Height: 2600}, 0)
}

// stall begins an upload, and sends no more than the first bytes of it.
func stall(t *testing.T, url string, file []byte, most int64, key string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	body, more := io.Pipe()
	form, contentType := caller.Form(file, "a.png")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/images", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("Idempotency-Key", key)
	req.ContentLength = int64(len(form))
	over := make(chan struct{})
	go func() {
		defer close(over)
		if resp, err := http.DefaultClient.Do(req); err == nil {
			_ = resp.Body.Close()
			t.Errorf("an upload that was never sent to its end is answered %d", resp.StatusCode)
		}
	}()
	go func() { _, _ = io.Copy(more, bytes.NewReader(form[:most])) }()
	t.Cleanup(func() { cancel(); _ = more.Close(); <-over })
}

// unfinished are the uploads that the store keeps the parts of.
func unfinished(t *testing.T, books *ledger.Books) []string {
	t.Helper()
	found, err := books.Balance(within(t, 30*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return found.Unfinished
}
