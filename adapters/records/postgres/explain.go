package postgres

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"imgd/core"
)

// explain gives an error of the driver the kind the core understands. ctx is the
// caller's own: when it has ended, that is the reason.
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
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return explainCode(e.Code, err)
	}
	if gone(err) {
		return away(err)
	}
	return err
}

func away(err error) error {
	return core.Unavailable.Errorf("the database does not answer; try again").After(time.Second).Because(err)
}

// gone reports whether the connection failed, not the statement.
func gone(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, net.ErrClosed) || pgconn.Timeout(err) || pgconn.SafeToRetry(err)
}

// explainCode goes by the classes of PostgreSQL's appendix A, "Error Codes".
func explainCode(code string, err error) error {
	switch {
	case code == "53100": // disk_full
		return core.InsufficientStorage.Errorf("the database has no room left").Because(err)
	case strings.HasPrefix(code, "23"): // integrity constraint violation
		return core.Conflict.Errorf("it clashes with what is recorded already").Because(err)
	case code == "40001", code == "40P01", code == "55P03": // serialization, deadlock, lock not available
		return core.Unavailable.Errorf("the database is busy; try again").After(time.Second).Because(err)
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57"), strings.HasPrefix(code, "58"),
		code == "25006", code == "25P03": // connection, resources, operator, system; read-only after a failover, idle in transaction
		return away(err)
	}
	return err
}

var passwords = regexp.MustCompile(`(password=)\S+`)

// redacted keeps a password out of an error that shows an address.
func redacted(err error) error {
	text := passwords.ReplaceAllString(err.Error(), "${1}xxxxx")
	for word := range strings.FieldsSeq(text) {
		word = strings.Trim(word, "\"`',;:()")
		if u, e := url.Parse(word); e == nil && u.User != nil {
			text = strings.ReplaceAll(text, word, u.Redacted())
		}
	}
	return errors.New(text)
}
