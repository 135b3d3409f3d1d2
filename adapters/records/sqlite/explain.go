package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"imgd/core"
)

// explain gives an error of the driver the kind the core understands. A context
// that ended shows as INTERRUPT or BUSY, so it is asked first.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*core.Error](err); ok {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, sql.ErrNoRows):
		return core.NotFound.Errorf("no such record").Because(err)
	case errors.Is(err, sqlite3.CONSTRAINT):
		return core.Conflict.Errorf("it clashes with what is recorded already").Because(err)
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED), errors.Is(err, sqlite3.INTERRUPT):
		return core.Unavailable.Errorf("the database is busy; try again").After(time.Second).Because(err)
	case errors.Is(err, sqlite3.FULL):
		return core.InsufficientStorage.Errorf("the database has no room left").Because(err)
	case errors.Is(err, sqlite3.IOERR): // a full disk too, when it is the index of the log that finds no room
		return core.Unavailable.Errorf("the database cannot be read or written; try again").After(time.Second).Because(err)
	}
	return err
}
