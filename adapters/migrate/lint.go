package migrate

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// annotation is the line at the head of a file that means to lose something. The
// reason stands behind it.
const annotation = "-- imgd:destructive"

// Finding is something that must not be released.
type Finding struct {
	File, Text string
}

// String is a line for people.
func (f Finding) String() string { return f.File + ": " + f.Text }

// Lint returns what is wrong with the migrations: files that are not what atlas.sum
// says or that stand in no order, files that lose data or that a build which still
// serves would trip over and that give no reason, and a result that is not
// schema.sql. Each file is run on the scratch database, which is looked at before
// and after.
func (s Source) Lint(ctx context.Context) (list []Finding, err error) {
	_, files, err := s.files()
	if err != nil {
		return []Finding{{s.Folder, err.Error()}}, nil
	}
	if list = slices.Concat(named(files), s.misplaced(files)); len(list) > 0 {
		return list, nil
	}
	err = s.Engine.scratch(ctx, s.Dev, func(t scratch) error {
		broken := false
		err := t.during(ctx, func() error {
			for _, f := range files {
				found, err := t.judge(ctx, f)
				if failed, ok := errors.AsType[*failure](err); ok {
					list, broken = append(list, Finding{f.Name(), "it does not run: " + failed.Error()}), true
					return nil
				}
				if err != nil {
					return err
				}
				list = append(list, found...)
			}
			return nil
		})
		if err != nil || broken {
			return err
		}
		drift, err := s.drift(ctx, t, files)
		for _, line := range drift {
			list = append(list, Finding{s.Folder, "run imgd migrate diff: " + line})
		}
		return err
	})
	return list, err
}

// named are findings about the versions of files: times, each later than the one
// before, and none in the future, behind which no new file could come.
func named(files []migrate.File) (list []Finding) {
	last := ""
	for _, f := range files {
		at, err := time.Parse(layout, f.Version())
		switch {
		case err != nil || !nameable.MatchString(f.Desc()):
			list = append(list, Finding{f.Name(), "the name is not a time and a few words, such as 20260102150405_add_mood.sql"})
		case f.Version() == last:
			list = append(list, Finding{f.Name(), "two files have this version: history is a line"})
		case at.After(time.Now().Add(24 * time.Hour)):
			list = append(list, Finding{f.Name(), "its time is in the future: what is written today would come before it"})
		}
		last = f.Version()
	}
	return list
}

func (s Source) misplaced(files []migrate.File) (list []Finding) {
	for _, f := range files {
		if s.Engine == SQLite && alone(f) {
			list = append(list, Finding{f.Name(), "nothing in SQLite needs txmode none"})
		}
	}
	return list
}

// failure is a file that does not run.
type failure struct{ error }

// judge runs one file and returns what it must not do.
func (s scratch) judge(ctx context.Context, f migrate.File) ([]Finding, error) {
	before, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	lived, err := s.witness(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.run(ctx, f); err != nil {
		return nil, &failure{err}
	}
	after, err := s.look(ctx)
	if err != nil {
		return nil, err
	}
	changes, err := s.changes(before, after)
	if err != nil {
		return nil, err
	}
	found := losses(s.engine, changes)
	lost, err := lived()
	if err != nil {
		return nil, err
	}
	slices.Sort(lost)
	for _, column := range lost {
		found = append(found, "the values of column "+column+" are lost")
	}
	if len(before.schema.Tables) > 0 {
		found = append(found, deletions(s.driver, f)...)
	}
	return excused(f, found), nil
}

// excused are findings that the file gives no reason for.
func excused(f migrate.File, found []string) (list []Finding) {
	for line := range strings.Lines(string(f.Bytes())) {
		line = strings.TrimSpace(line)
		if reason, ok := strings.CutPrefix(line, annotation); ok && strings.TrimSpace(reason) != "" {
			return nil
		}
		if line != "" && !strings.HasPrefix(line, "--") {
			break // reasons stand at the head
		}
	}
	for _, text := range found {
		list = append(list, Finding{f.Name(), fmt.Sprintf("%s; if it is meant, begin the file with %s and the reason", text, annotation)})
	}
	return list
}

var (
	quoted  = regexp.MustCompile(`'[^']*'`)
	deletes = regexp.MustCompile(`(?i)\b(delete\s+from|truncate)\b`)
)

// deletions are statements that delete rows, which no look at a schema shows.
func deletions(drv migrate.Driver, f migrate.File) (list []string) {
	statements, err := migrate.FileStmts(drv, f)
	if err != nil {
		return []string{err.Error()}
	}
	for _, text := range statements {
		if deletes.MatchString(quoted.ReplaceAllString(text, "''")) {
			list = append(list, "rows are deleted by "+strings.Join(strings.Fields(text), " "))
		}
	}
	return list
}
