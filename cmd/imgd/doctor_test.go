package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"imgd/adapters/disk"
)

// place is an empty database and store in a folder of the test's own.
func place(t *testing.T) (s Settings, dir string) {
	t.Helper()
	s, dir = defaults(t), t.TempDir()
	s.DatabaseURL, s.StorageURL = "sqlite:"+filepath.Join(dir, "imgd.db"), "file:"+filepath.Join(dir, "blobs")
	if err := (migrateUp{}).Run(t.Context(), &s); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func plant(t *testing.T, dir string, keys ...string) {
	t.Helper()
	store, err := disk.Open(filepath.Join(dir, "blobs"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // all is synced
	for _, key := range keys {
		if _, err := store.Create(t.Context(), key, "", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheDoctorRefusesToRemoveMuchUnlessToldTo(t *testing.T) {
	s, dir := place(t)
	var out bytes.Buffer
	look := func(c doctorCmd) error {
		t.Helper()
		out.Reset()
		c.Age = Span(-time.Hour)
		return c.look(t.Context(), &s, &out)
	}
	if err := look(doctorCmd{}); err != nil {
		t.Errorf("of an empty place the doctor says %v\n%s", err, &out)
	}
	plant(t, dir, "o/stranger")
	if err := look(doctorCmd{}); err == nil || !strings.Contains(out.String(), "WRONG  orphans") || !strings.Contains(out.String(), "o/stranger") {
		t.Errorf("of an orphan the doctor says %v\n%s\nwant it named", err, &out)
	}
	if err := look(doctorCmd{Fix: true}); err == nil || !strings.Contains(err.Error(), "1 of 1 objects") || !strings.Contains(err.Error(), "--yes") {
		t.Errorf("--fix of all there is = %v, want a refusal", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "blobs", "o", "stranger")); err != nil {
		t.Errorf("it is gone all the same: %v", err)
	}
	if err := look(doctorCmd{Fix: true, Yes: true, JSON: true}); err != nil {
		t.Errorf("--fix --yes = %v", err)
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil || r.Removed != 1 || r.Wrong {
		t.Errorf("the report is %+v (%v), want 1 orphan removed and nothing wrong", r, err)
	}
	if err := look(doctorCmd{}); err != nil {
		t.Errorf("afterwards the doctor says %v\n%s", err, &out)
	}
}

func TestTheDoctorRemovesWhatIsHalfWritten(t *testing.T) {
	s, dir := place(t)
	plant(t, dir) // makes the folders
	var out bytes.Buffer
	look := func(c doctorCmd) (r report, err error) {
		t.Helper()
		out.Reset()
		c.JSON = true
		err = c.look(t.Context(), &s, &out)
		if broken := json.Unmarshal(out.Bytes(), &r); broken != nil {
			t.Fatalf("%v: %v\n%s", err, broken, &out)
		}
		return r, err
	}
	staged := filepath.Join(dir, "blobs", ".staging", "a")
	if err := os.WriteFile(staged, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for age, want := range map[time.Duration]int{2 * time.Hour: 0, 4 * time.Hour: 1} { // the scan waits for three hours
		if err := os.Chtimes(staged, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
		if r, err := look(doctorCmd{}); r.Unfinished != want || (err == nil) != (want == 0) {
			t.Errorf("of an upload of %s ago the doctor counts %d half-written, %v; want %d", age, r.Unfinished, err, want)
		}
	}
	if err := os.Chtimes(staged, time.Time{}, time.Now().Add(-4*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if r, err := look(doctorCmd{Fix: true}); r.Discarded != 1 || r.Wrong || err != nil {
		t.Errorf("--fix = %+v, %v; want 1 discarded and nothing wrong", r, err)
	}
	if _, err := os.Stat(staged); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("what was half-written is still there: %v", err)
	}
}

func TestTheDoctorHasADatabaseAndAStoreMeetAgain(t *testing.T) {
	s, dir := place(t)
	plant(t, dir, "generation/0198c0de-5d7a-7e6b-9c1d-3f2a1b0c9d8e", "o/stranger")
	var out bytes.Buffer
	if err := (doctorCmd{}).look(t.Context(), &s, &out); err == nil || !strings.Contains(out.String(), "doctor --accept") {
		t.Errorf("of a store that has met another database the doctor says %v\n%s", err, &out)
	}
	if err := (doctorCmd{Fix: true, Yes: true, Age: Span(-time.Hour)}).look(t.Context(), &s, &out); err == nil || !strings.Contains(err.Error(), "nothing is removed") {
		t.Errorf("--fix = %v, want a refusal until it is accepted", err)
	}
	for _, accept := range []bool{true, false} {
		if err := (doctorCmd{Accept: accept}).look(t.Context(), &s, &out); err != nil {
			t.Errorf("--accept %v = %v\n%s", accept, err, &out)
		}
	}
}

func TestNoCommandMakesADatabaseThatIsNotThere(t *testing.T) {
	s, dir := defaults(t), t.TempDir()
	s.DatabaseURL, s.StorageURL = "sqlite:"+filepath.Join(dir, "none.db"), "file:"+filepath.Join(dir, "blobs")
	var out bytes.Buffer
	for name, err := range map[string]error{
		"doctor": (doctorCmd{}).look(t.Context(), &s, &out), "backup": backupCmd{To: filepath.Join(dir, "copy.db")}.make(t.Context(), &s, &out),
	} {
		if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "IMGD_DATABASE_URL") {
			t.Errorf("%s = %v, want the setting named", name, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("the folder has %v, want nothing", entries)
	}
}

func TestABackupIsAFileAndALinkedFolder(t *testing.T) {
	s, dir := place(t)
	plant(t, dir, "o/a", "v/a/b.webp")
	to := t.TempDir()
	var out bytes.Buffer
	if err := (backupCmd{To: to, Blobs: filepath.Join(dir, "copy")}).make(t.Context(), &s, &out); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(to, "imgd-*.db"))
	if len(files) != 1 || !strings.Contains(out.String(), files[0]) || !strings.Contains(out.String(), "2 objects linked") {
		t.Errorf("the backup made %q and said\n%s", files, &out)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "copy", "v", "a", "b.webp")); string(text) != "x" {
		t.Errorf("the linked variant is %q (%v), want x", text, err)
	}
	restored := s
	restored.DatabaseURL = "sqlite:" + files[0]
	if err := (doctorCmd{}).look(t.Context(), &restored, &out); err != nil {
		t.Errorf("of the copy the doctor says %v", err)
	}
	if err := (backupCmd{To: files[0]}).make(t.Context(), &s, &out); err == nil {
		t.Error("a second backup into the same file succeeded")
	}
}

func TestABackupOfPostgresSaysWhatToDoInstead(t *testing.T) {
	s := defaults(t)
	s.DatabaseURL = "postgres://imgd:hunter2@127.0.0.1/imgd"
	err := backupCmd{To: filepath.Join(t.TempDir(), "x")}.make(t.Context(), &s, &bytes.Buffer{})
	if c, ok := errors.AsType[coded](err); !ok || c.code != 2 || !strings.Contains(err.Error(), "pg_dump") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("backup = %v, want the exit status 2, pg_dump named and no password", err)
	}
}
