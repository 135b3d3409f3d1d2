// Package house puts the use cases together over SQLite, a temporary folder and
// the fake renderer, for tests that want to see the whole of them.
package house

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"imgd/adapters/disk"
	"imgd/adapters/memory"
	"imgd/adapters/migrate"
	"imgd/adapters/records"
	"imgd/adapters/records/sqlite"
	"imgd/core"
	"imgd/core/deliver"
	"imgd/core/ingest"
	"imgd/core/library"
	"imgd/core/process"
	"imgd/core/transform"
	"imgd/ports"
	"imgd/ports/portstest"
)

// House is everything but the street: no HTTP, no decoder.
type House struct {
	Ingest  *ingest.Service
	Process *process.Service
	Library *library.Service
	Deliver *deliver.Service

	DB     *records.DB
	Blobs  *portstest.FlakyBlobs // over Disk
	Disk   *disk.Blobs
	Render *portstest.FakeRenderer
	Queue  *memory.Queue
	Jobs   ports.Jobs
	House  ports.Housekeeping
}

// New builds an empty house that the test takes down.
func New(t testing.TB) *House {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "imgd.db")
	empty, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, empty, 0o600); err != nil {
		t.Fatal(err)
	}
	engine, err := sqlite.Open(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	db := records.New(engine)
	t.Cleanup(func() { _ = db.Close() })
	store, err := disk.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	h := Over(db, store, nil)
	h.Disk = store
	return h
}

// migrated is an empty database with its schema, made once for all houses.
var migrated = sync.OnceValues(func() (text []byte, err error) {
	dir, err := os.MkdirTemp("", "imgd-schema-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a folder of the tests
	file := filepath.Join(dir, "imgd.db")
	db, err := sqlite.Open(context.Background(), file)
	if err != nil {
		return nil, err
	}
	_, err = migrate.Up(context.Background(), migrate.SQLite, db.SQL())
	if err := errors.Join(err, db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(file) // #nosec G304 -- the test's own
})

// Over builds a house on a database and a store, with spools where the store has no
// descriptors.
func Over(db *records.DB, store ports.Blobs, spool func() (ports.Spool, error)) *House {
	h := &House{
		DB: db, Blobs: &portstest.FlakyBlobs{Blobs: store}, Render: &portstest.FakeRenderer{},
		Queue: memory.NewQueue(1024), Jobs: records.Jobs{DB: db}, House: records.Housekeeping{DB: db},
	}
	images, control := records.Images{DB: db}, records.JobControl{DB: db}
	h.Ingest = &ingest.Service{
		Images: images, Control: control, Answers: records.Idempotency{DB: db}, Blobs: h.Blobs, Queue: h.Queue, Render: h.Render, Spool: spool,
		Presets: transform.BuiltIn, MaxBytes: 1 << 20, NewID: NewID, Now: time.Now,
	}
	h.Process = &process.Service{
		Jobs: h.Jobs, Images: images, Blobs: h.Blobs, Render: h.Render, Spool: spool, Worker: "w1", Lease: 15 * time.Second, PublishAfter: time.Hour,
		Log: slog.New(slog.DiscardHandler),
	}
	h.Library = &library.Service{
		Images: images, Tombstones: images, Jobs: control, Events: records.Events{DB: db}, Stats: records.Stats{DB: db}, Queue: h.Queue,
		Grace: time.Hour, Look: 2 * time.Millisecond,
	}
	h.Deliver = &deliver.Service{Images: images, Tenants: images, Blobs: h.Blobs, Now: time.Now}
	return h
}

// CleanStaging removes what the store has half-written.
func (h *House) CleanStaging(_ context.Context, before time.Time) (int, error) {
	return h.Disk.CleanStaging(before)
}

// NewID makes ids as the service does.
func NewID() core.ID { return core.ID(uuid.Must(uuid.NewV7()).String()) }

// Ann is a principal who may read and write in tenant acme.
func Ann() core.Principal {
	return core.Principal{Tenant: "acme", Subject: "ann", Scopes: []core.Scope{core.ScopeRead, core.ScopeWrite}}
}

// Upload is an upload of body by Ann.
func Upload(body []byte, f ingest.Fields) ingest.Upload {
	return UploadFrom(bytes.NewReader(body), f)
}

// UploadFrom is an upload by Ann of what r yields.
func UploadFrom(r io.Reader, f ingest.Fields) ingest.Upload {
	return ingest.Upload{By: Ann(), CorrelationID: "c-1", Read: func(file func(ingest.File, ingest.Fields) error) (ingest.Fields, error) {
		return f, file(ingest.File{Name: "photo.png", ContentType: "image/png", Body: r}, f)
	}}
}

// Accept uploads an image that differs from every other by its note.
func (h *House) Accept(t testing.TB, note string) ingest.Accepted {
	t.Helper()
	a, err := h.Ingest.Accept(t.Context(), Upload(portstest.FakeImage(4000, 3000, note), ingest.Fields{}))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Keys lists what the store holds.
func (h *House) Keys(t testing.TB) (keys []string) {
	t.Helper()
	for e, err := range h.Disk.List(context.WithoutCancel(t.Context()), "") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, e.Key)
	}
	return keys
}
