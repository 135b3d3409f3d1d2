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
	atlas "ariga.io/atlas/sql/schema"
)

// ErrInSync is what Diff returns when the migrations lead to the desired state.
var ErrInSync = errors.New("the migrations lead to schema.sql already")

// layout is the version in a file's name, a time in UTC.
const layout = "20060102150405"

var nameable = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// Diff plans what leads from the migrations to the desired state, writes it as the
// next file with a new atlas.sum, and returns the file's name. A change that loses
// data, or that a build which still serves would trip over, is refused unless
// there is a reason for it, which the file then carries.
func (s Source) Diff(ctx context.Context, name, reason string) (file string, err error) {
	if !nameable.MatchString(name) {
		return "", fmt.Errorf("%q does not name a migration: small letters, digits and underscores, such as add_mood", name)
	}
	dir, files, err := s.files()
	if err != nil {
		return "", err
	}
	err = s.Engine.scratch(ctx, s.Dev, func(t scratch) error {
		next, err := s.plan(ctx, t, files, name, reason)
		if err != nil {
			return err
		}
		file = next.Name()
		if err := write(dir, next); err != nil {
			return err
		}
		return s.complete(ctx, t, append(files, next))
	})
	return file, err
}

// plan is the file that leads from the others to the desired state.
func (s Source) plan(ctx context.Context, t scratch, files []migrate.File, name, reason string) (migrate.File, error) {
	from, err := t.after(ctx, files...)
	if err != nil {
		return nil, err
	}
	to, err := t.after(ctx, s.desired())
	if err != nil {
		return nil, err
	}
	changes, err := t.changes(from, to)
	if err != nil {
		return nil, err
	}
	stored := to.storage.since(from.storage)
	if len(changes)+len(stored) == 0 {
		return nil, ErrInSync
	}
	lost := losses(s.Engine, changes)
	if len(lost) > 0 && reason == "" {
		return nil, fmt.Errorf("schema.sql takes something away:\n  %s\nA rename is seen as this and is written by hand: a file with ALTER TABLE ... RENAME, then imgd migrate sum. If it is meant, say why with --allow-destructive=REASON",
			strings.Join(lost, "\n  "))
	}
	p := &migrate.Plan{}
	if len(changes) > 0 {
		if p, err = t.driver.PlanChanges(ctx, name, changes, style); err != nil {
			return nil, err
		}
	}
	p.Name, p.Version = name, version(files)
	p.Changes = append(p.Changes, stored...)
	formatted, err := migrate.DefaultFormatter.FormatFile(p)
	if err != nil || len(lost) == 0 {
		return formatted, err
	}
	return migrate.NewLocalFile(formatted.Name(), append([]byte(annotation+" "+reason+"\n\n"), formatted.Bytes()...)), nil
}

// style leaves the schema's name out, so that the connection decides where tables go.
func style(o *migrate.PlanOptions) {
	o.SchemaQualifier, o.Indent, o.Mode = new(string), "  ", migrate.PlanModeDeferred
}

// version is the time, or a second after the last file when that is later.
func version(files []migrate.File) string {
	at := time.Now().UTC()
	if len(files) > 0 {
		if last, err := time.Parse(layout, files[len(files)-1].Version()); err == nil && !at.After(last.Add(time.Second)) {
			at = last.Add(time.Second)
		}
	}
	return at.Format(layout)
}

func write(dir migrate.Dir, f migrate.File) error {
	if err := dir.WriteFile(f.Name(), f.Bytes()); err != nil {
		return err
	}
	sum, err := dir.Checksum()
	if err != nil {
		return err
	}
	return migrate.WriteSumFile(dir, sum)
}

// complete is an error when schema.sql has what the planner does not see.
func (s Source) complete(ctx context.Context, t scratch, files []migrate.File) error {
	drift, err := s.drift(ctx, t, files)
	if err != nil || len(drift) == 0 {
		return err
	}
	return fmt.Errorf("%s was written, and this has to be added to it by hand, followed by imgd migrate sum:\n  %s",
		files[len(files)-1].Name(), strings.Join(drift, "\n  "))
}

// drift is what differs between a database made by the migrations and one made
// from schema.sql.
func (s Source) drift(ctx context.Context, t scratch, files []migrate.File) (list []string, err error) {
	made, err := t.after(ctx, files...)
	if err != nil {
		return nil, err
	}
	wanted, err := t.after(ctx, s.desired())
	if err != nil {
		return nil, err
	}
	return differences(made.catalog, wanted.catalog), nil
}

func differences(made, wanted []string) (list []string) {
	for _, line := range wanted {
		if !slices.Contains(made, line) {
			list = append(list, "only in schema.sql: "+line)
		}
	}
	for _, line := range made {
		if !slices.Contains(wanted, line) {
			list = append(list, "only in the migrations: "+line)
		}
	}
	return list
}

// losses names what changes take away from people who have data, or from a build
// that serves while they are made.
func losses(e Engine, changes []atlas.Change) (list []string) {
	for _, c := range changes {
		switch c := c.(type) {
		case *atlas.DropTable:
			list = append(list, "table "+c.T.Name+" is dropped")
		case *atlas.ModifyTable:
			for _, in := range c.Changes {
				if text := loss(e, in); text != "" {
					list = append(list, "column "+c.T.Name+"."+text)
				}
			}
		}
	}
	return list
}

func loss(e Engine, change atlas.Change) string {
	switch c := change.(type) {
	case *atlas.DropColumn:
		return c.C.Name + " is dropped"
	case *atlas.AddColumn:
		if !c.C.Type.Null && c.C.Default == nil && !generated(c.C) {
			return c.C.Name + " is added as NOT NULL without a default: tables with rows refuse it, and so do the inserts of the build before"
		}
	case *atlas.ModifyColumn:
		from, to := e.format(c.From), e.format(c.To)
		switch {
		case c.From.Type.Null && !c.To.Type.Null:
			return c.To.Name + " becomes NOT NULL: rows and builds that have NULL there refuse it"
		case c.From.Default != nil && c.To.Default == nil && !c.To.Type.Null:
			return c.To.Name + " loses its default: the inserts of the build before may need it"
		case from != to && !widens(from, to):
			return fmt.Sprintf("%s changes from %s to %s, which may not hold every value", c.To.Name, from, to)
		}
	}
	return ""
}

func generated(c *atlas.Column) bool {
	return slices.ContainsFunc(c.Attrs, func(a atlas.Attr) bool { _, ok := a.(*atlas.GeneratedExpr); return ok })
}
