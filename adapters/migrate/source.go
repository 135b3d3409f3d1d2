package migrate

import (
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ariga.io/atlas/sql/migrate"
)

// Source is an engine's part of a source tree: the schema that is wanted, the
// migrations that shall lead there, and an empty database to try both on, which is
// left empty.
type Source struct {
	Engine  Engine
	Desired string // the text of schema.sql
	Folder  string // of the migrations
	Dev     *sql.DB
}

// Open finds an engine's part under dir, the folder schema of a source tree.
func Open(dir string, e Engine, dev *sql.DB) (Source, error) {
	name := filepath.Join(dir, string(e), "schema.sql")
	text, err := os.ReadFile(name) // #nosec G304 -- the developer names it
	if errors.Is(err, fs.ErrNotExist) {
		return Source{}, fmt.Errorf("%s is not there: run this in imgd's source tree, or name its folder schema with --dir", name)
	}
	return Source{Engine: e, Desired: string(text), Folder: filepath.Join(dir, string(e), "migrations"), Dev: dev}, err
}

// files are the migrations, checked against atlas.sum.
func (s Source) files() (*migrate.LocalDir, []migrate.File, error) {
	if err := os.MkdirAll(s.Folder, 0o750); err != nil {
		return nil, nil, err
	}
	dir, err := migrate.NewLocalDir(s.Folder)
	if err != nil {
		return nil, nil, err
	}
	if err := valid(dir); err != nil {
		return nil, nil, err
	}
	files, err := dir.Files()
	return dir, files, err
}

func (s Source) desired() migrate.File {
	return migrate.NewLocalFile("schema.sql", []byte(s.Desired))
}
