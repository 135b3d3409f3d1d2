package migrate

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"ariga.io/atlas/sql/migrate"

	"imgd/schema"
)

// embedded is the folder of an engine's migrations in the binary.
func embedded(e Engine) (migrate.Dir, error) {
	files, err := schema.Migrations(string(e))
	if err != nil {
		return nil, err
	}
	return load(files)
}

// load copies migrations and their checksums to where the executor takes them.
func load(files fs.FS) (migrate.Dir, error) {
	dir := &migrate.MemDir{}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".sql") || name == migrate.HashFileName {
			text, err := fs.ReadFile(files, name)
			if err != nil {
				return nil, err
			}
			if err := dir.WriteFile(name, text); err != nil {
				return nil, err
			}
		}
	}
	return dir, nil
}

// valid holds the files against their atlas.sum.
func valid(dir migrate.Dir) error {
	err := migrate.Validate(dir)
	if sum, ok := errors.AsType[*migrate.ChecksumError](err); ok {
		return fmt.Errorf("%s was %s since %s was written: a migration that was released is never changed; for one that was not, run imgd migrate sum (%w)",
			sum.File, sum.Reason, migrate.HashFileName, err)
	}
	if errors.Is(err, migrate.ErrChecksumNotFound) {
		return fmt.Errorf("there are migrations and no %s: restore it, or run imgd migrate sum (%w)", migrate.HashFileName, err)
	}
	return err
}

// Sum writes the checksums of a folder whose last file was written by hand. The
// files before that one may have been applied somewhere, so they must be as they
// were.
func Sum(folder string) error {
	dir, err := migrate.NewLocalDir(folder)
	if err != nil {
		return err
	}
	now, err := dir.Checksum()
	if err != nil {
		return err
	}
	var before migrate.HashFile
	text, err := fs.ReadFile(dir, migrate.HashFileName)
	if err == nil {
		err = before.UnmarshalText(text)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be read: restore it (%w)", migrate.HashFileName, err)
	}
	for i, b := range before {
		if i < len(before)-1 && (i >= len(now) || now[i] != b) {
			return fmt.Errorf("%s is not what it was, or a file stands before it that is new: restore it, and give new files newer versions", b.N)
		}
	}
	return migrate.WriteSumFile(dir, now)
}
