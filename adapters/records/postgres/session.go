package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// session is the connection within one transaction. A statement whose answer says
// nothing but that it went well is not sent before something is asked, or the
// transaction commits: what is sent together takes one round trip. It fails then
// instead of at once, and with it whatever was sent after it.
type session struct {
	conn    *pgxpool.Conn
	ctx     context.Context //nolint:containedctx // it ends with the transaction, as this does
	waiting *pgx.Batch
}

// silent reports whether sqlc's caller ignores what a statement did.
func silent(text string) bool {
	line, _, _ := strings.Cut(text, "\n")
	return strings.HasSuffix(line, " :exec")
}

// Exec runs a statement, or has it wait.
func (s *session) Exec(_ context.Context, text string, args ...any) (tag pgconn.CommandTag, err error) {
	if silent(text) {
		s.waiting.Queue(text, args...)
		return tag, nil
	}
	if s.waiting.Len() == 0 {
		return s.conn.Exec(s.ctx, text, args...)
	}
	results, err := s.send(text, args)
	if err != nil {
		return tag, err
	}
	tag, err = results.Exec()
	return tag, errors.Join(err, results.Close())
}

// Query asks, after all that waits.
func (s *session) Query(_ context.Context, text string, args ...any) (pgx.Rows, error) {
	if s.waiting.Len() == 0 {
		return s.conn.Query(s.ctx, text, args...)
	}
	results, err := s.send(text, args)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return &lastRows{rows, results}, nil
}

// QueryRow asks for one row, after all that waits.
func (s *session) QueryRow(ctx context.Context, text string, args ...any) pgx.Row {
	if s.waiting.Len() == 0 {
		return s.conn.QueryRow(s.ctx, text, args...)
	}
	rows, err := s.Query(ctx, text, args...)
	return oneRow{rows, err}
}

// commit sends what still waits, and the end.
func (s *session) commit() error {
	tag, err := s.Exec(s.ctx, "COMMIT")
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("the commit became a %s", tag)
	}
	return err
}

// send sends what waits and one statement more, whose results come next.
func (s *session) send(text string, args []any) (pgx.BatchResults, error) {
	before := s.waiting.Len()
	s.waiting.Queue(text, args...)
	results := s.conn.SendBatch(s.ctx, s.waiting)
	s.waiting = &pgx.Batch{}
	for range before {
		if _, err := results.Exec(); err != nil {
			return nil, errors.Join(err, results.Close())
		}
	}
	return results, nil
}

// lastRows are those of the last statement that was sent: with them the results end.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *lastRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // Err has what went wrong: nothing follows
}

// oneRow is what QueryRow of pgx would be.
type oneRow struct {
	rows pgx.Rows
	err  error
}

func (r oneRow) Scan(into ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(into...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
