package chaos

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

const narrow = 8 << 20 // bytes of the small file system

// narrowed is a site whose folder is a small file system; false where the test has
// been run apart already.
func narrowed(t *testing.T, folder string) (site *rig.Site, widen func(bytes int), there bool) {
	t.Helper()
	if !rig.Apart(t, ready+"="+shipped) {
		return nil, nil, false
	}
	site = rig.NewSite(t, shipped, "IMGD_LOG_LEVEL=error")
	return site, rig.Narrow(t, filepath.Join(site.Dir, folder), narrow), true
}

// noise is a picture that nothing can make smaller.
func noise(t *testing.T, seed uint64, side int) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, side, side))
	chance := rand.New(rand.NewPCG(seed, 0))
	for i := range m.Pix {
		m.Pix[i] = uint8(chance.UintN(256))
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAFullStoreRefusesUploadsKeepsReadingAndRecovers(t *testing.T) {
	t.Parallel()
	site, _, there := narrowed(t, "blobs")
	if !there {
		return
	}
	client, books := caller.At(site.Start(t, "serve").URL), ledger.Open(t, site)
	file := noise(t, 0, 500) // 750 kB
	first := accepted(t, client, file, "first")
	succeeded(t, client, first.ID, time.Minute)
	var last caller.Answer
	var more []caller.Job
	for i := range 40 {
		body, contentType := caller.Form(noise(t, uint64(i)+1, 500), "a.png")
		var err error
		if last, err = client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body); err != nil {
			t.Fatal(err)
		}
		if last.Status != http.StatusAccepted {
			break
		}
		var j caller.Job
		if err := json.Unmarshal(last.Body, &j); err != nil {
			t.Fatal(err)
		}
		more = append(more, j)
	}
	if last.Status != http.StatusInsufficientStorage || last.Slug() != "insufficient-storage" {
		t.Errorf("a full store answers %d %s, want 507 insufficient-storage", last.Status, last.Body)
	}
	t.Logf("8 MiB took %d pictures of %d bytes, then %s", len(more)+1, len(file), last.Slug())
	want := ledger.Sent{Image: first.ImageID, Job: first.ID, SHA256: ledger.Digest(file), Width: 500, Height: 500}
	for _, wrong := range ledger.Check(within(t, time.Minute), client, []ledger.Sent{want}) {
		t.Errorf("while the store is full: %s", wrong)
	}
	for _, j := range more {
		a, err := client.Insist(within(t, time.Minute), http.MethodDelete, "/v1/images/"+j.ImageID+"?purge=true", "", nil)
		if err != nil || a.Status != http.StatusNoContent {
			t.Fatalf("DELETE = %d %s, %v; want 204", a.Status, a.Body, err)
		}
	}
	took := swept(t, books)
	again := accepted(t, client, noise(t, 99, 400), "again")
	succeeded(t, client, again.ID, time.Minute)
	t.Logf("purged pictures made room after %s", took.Round(time.Millisecond))
	found, err := books.Balance(within(t, time.Minute))
	if err != nil || len(found.Missing)+len(found.Unfinished) > 0 {
		t.Errorf("after that %+v, %v; want nothing missing or half-written", found, err)
	}
}

func TestAFullDatabaseRefusesUploadsKeepsReadingAndRecovers(t *testing.T) {
	t.Parallel()
	site, widen, there := narrowed(t, "small")
	if !there {
		return
	}
	site.Env = append(site.Env, "IMGD_DATABASE_URL=sqlite:"+filepath.Join(site.Dir, "small", "imgd.db"))
	p := site.Start(t, "serve")
	client := caller.At(p.URL)
	file := picture(t, 64, 64)
	first := accepted(t, client, file, "first")
	succeeded(t, client, first.ID, time.Minute)
	metadata := `{"a":"` + strings.Repeat("x", 60<<10) + `"}`
	refused := 0
	for range 400 {
		body, contentType := caller.Form(file, "a.jpg", "metadata", metadata)
		a, err := client.Do(within(t, time.Minute), http.MethodPost, "/v1/images", contentType, body)
		if err != nil {
			t.Fatal(err)
		}
		if a.Status == http.StatusAccepted {
			continue
		}
		if a.Status != http.StatusInsufficientStorage && a.Status != http.StatusServiceUnavailable {
			t.Fatalf("a full database answers %d %s, want 507 or 503", a.Status, a.Body)
		}
		if refused++; refused == 5 {
			break
		}
	}
	if refused == 0 {
		t.Fatal("the database never became full: nothing was tested")
	}
	want := ledger.Sent{Image: first.ImageID, Job: first.ID, SHA256: ledger.Digest(file), Width: 64, Height: 64}
	for _, wrong := range ledger.Check(within(t, time.Minute), client, []ledger.Sent{want}) {
		t.Errorf("while the database is full: %s", wrong)
	}
	widen(64 << 20)
	again := accepted(t, client, picture(t, 320, 240), "again")
	succeeded(t, client, again.ID, 2*time.Minute)
	if _, err := ledger.Open(t, site).Quiet(within(t, 3*time.Minute), 2*time.Minute); err != nil {
		t.Error(err)
	}
}
