package worker

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"imgd/core"
	"imgd/ports"
)

// met is where the store keeps the name of its last meeting with the database.
const met = "generation/"

// Meeting ties a database to its store: both carry the name of their last meeting.
// A database that is older than its store, or another's, is known by it before
// anything is deleted. Every step leaves a state that Ensure completes.
type Meeting struct {
	Rows  ports.Housekeeping
	Blobs ports.Blobs
	NewID func() core.ID
}

// Ensure completes what an interrupted step has left, and has a database and a
// store that never met before meet. A Conflict says that they do not belong
// together, and what to do.
func (m Meeting) Ensure(ctx context.Context) error {
	row, there, err := m.look(ctx)
	if err != nil {
		return err
	}
	if strange(row, there) != nil { // somebody may have begun the next in between
		if row, there, err = m.look(ctx); err != nil {
			return err
		}
	}
	if err := strange(row, there); err != nil {
		return err
	}
	if row == (ports.Generation{}) {
		if err := m.introduce(ctx); err != nil {
			return err
		}
		row.Current = string(m.NewID())
		if mine, err := m.Rows.Meet(ctx, ports.Generation{}, row); err != nil || !mine {
			return cmp.Or(err, busy())
		}
	}
	return m.complete(ctx, row, there)
}

// introduce sees whether a store without a name may be this database's: one of
// which a large part belongs to images that no row knows is another's.
func (m Meeting) introduce(ctx context.Context) error {
	found := orphans{rows: m.Rows, before: time.Now().Add(24 * time.Hour)}
	if err := found.walk(ctx, m.Blobs); err != nil {
		return err
	}
	if found.suspect() {
		return apart(fmt.Sprintf("the store has met no database yet, and %d of its %d objects belong to images that this one does not know", found.strangers, found.total))
	}
	return nil
}

// complete makes the store say what the row says, and nothing else. A row without
// a previous meeting says that it was about to.
func (m Meeting) complete(ctx context.Context, row ports.Generation, there []string) error {
	if !slices.Contains(there, row.Current) {
		if err := m.create(ctx, row.Current); err != nil {
			return err
		}
	}
	for _, name := range there {
		if name != row.Current {
			if err := m.Blobs.Delete(ctx, met+name); err != nil {
				return err
			}
		}
	}
	if row.Previous != "" {
		return nil
	}
	_, err := m.Rows.Meet(ctx, row, ports.Generation{Current: row.Current, Previous: row.Current})
	return err
}

// Advance begins the next generation: the row first, then the store. Between the
// two the store still names the one before, which the row knows as well.
func (m Meeting) Advance(ctx context.Context) error {
	if err := m.Ensure(ctx); err != nil {
		return err
	}
	row, there, err := m.look(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(there, row.Current) {
		return busy()
	}
	next := ports.Generation{Current: string(m.NewID()), Previous: row.Current}
	if mine, err := m.Rows.Meet(ctx, row, next); err != nil || !mine {
		return cmp.Or(err, busy())
	}
	return m.complete(ctx, next, there)
}

func busy() error {
	return core.Unavailable.Errorf("another process has changed the generation in this moment; try again")
}

// Accept has the database and the store meet anew, whatever they say now.
func (m Meeting) Accept(ctx context.Context) error {
	row, there, err := m.look(ctx)
	if err != nil {
		return err
	}
	next := ports.Generation{Current: string(m.NewID())}
	if mine, err := m.Rows.Meet(ctx, row, next); err != nil || !mine {
		return cmp.Or(err, busy())
	}
	return m.complete(ctx, next, there)
}

// look reads the store first: what is changed between the two looks is a row that
// knows the store's name as its previous one.
func (m Meeting) look(ctx context.Context) (row ports.Generation, there []string, err error) {
	for e, err := range m.Blobs.List(ctx, met) {
		if err != nil {
			return row, nil, err
		}
		there = append(there, strings.TrimPrefix(e.Key, met))
	}
	row, _, err = m.Rows.Generation(ctx)
	return row, there, err
}

// create names a meeting in the store; that it is there already is as good.
func (m Meeting) create(ctx context.Context, name string) error {
	const text = "This object ties the store to its database: see Backup and restore in docs/operations.md.\n"
	_, err := m.Blobs.Create(ctx, met+name, "text/plain", strings.NewReader(text))
	if core.KindOf(err) == core.Conflict {
		return nil
	}
	return err
}

// strange says why a row and what the store names do not belong together. Names
// are ids and sort by their time: an older one than the row's is left over from a
// step of a process that was frozen.
func strange(row ports.Generation, there []string) error {
	known := func(name string) bool { return name == row.Current || name == row.Previous && name != "" }
	newer := slices.IndexFunc(there, func(name string) bool { return !known(name) && name > row.Current })
	switch {
	case row == (ports.Generation{}) && len(there) == 0:
		return nil
	case row == (ports.Generation{}):
		return apart("the store has met another database than this one, which has met none")
	case len(there) == 0 && row.Previous == "":
		return nil
	case len(there) == 0:
		return apart("the store has met no database, and this database has met a store")
	case newer >= 0:
		return apart(fmt.Sprintf("the store last met a database in generation %s, and this database knows no later one than %s: it was restored from a backup, or belongs to another store", there[newer], row.Current))
	case !slices.ContainsFunc(there, known):
		return apart(fmt.Sprintf("the store last met a database in generation %s, which this database does not know", there[0]))
	}
	return nil
}

func apart(why string) error {
	return core.Conflict.Errorf("%s; see that IMGD_DATABASE_URL and IMGD_STORAGE_URL are the ones you mean, look with imgd doctor, then say imgd doctor --accept", why)
}
