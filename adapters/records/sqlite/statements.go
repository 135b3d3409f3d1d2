package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// statements keeps the queries of the reading pool prepared: parsing SQL costs as
// much as running it. A query that is new runs as it is and is prepared before the
// next transaction: within one, the pool may have no connection left for it.
type statements struct {
	db *sql.DB

	mu       sync.RWMutex
	prepared map[string]*sql.Stmt
	wanted   []string
}

func (s *statements) get(text string) *sql.Stmt {
	s.mu.RLock()
	stmt, known := s.prepared[text]
	s.mu.RUnlock()
	if !known {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.prepared == nil {
			s.prepared = map[string]*sql.Stmt{}
		}
		if _, known := s.prepared[text]; !known {
			s.prepared[text] = nil
			s.wanted = append(s.wanted, text)
		}
	}
	return stmt
}

// prepare is called outside of any transaction. What cannot be prepared runs as
// it is, and its error comes from there.
func (s *statements) prepare(ctx context.Context) {
	s.mu.RLock()
	none := len(s.wanted) == 0
	s.mu.RUnlock()
	if none {
		return
	}
	s.mu.Lock()
	list := s.wanted
	s.wanted = nil
	s.mu.Unlock()
	for _, text := range list {
		stmt, err := s.db.PrepareContext(ctx, text)
		s.mu.Lock()
		if err == nil {
			s.prepared[text] = stmt
		} else {
			s.wanted = append(s.wanted, text)
		}
		s.mu.Unlock()
	}
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, stmt := range s.prepared {
		if stmt != nil {
			errs = append(errs, stmt.Close())
		}
	}
	s.prepared = nil
	return errors.Join(errs...)
}

// within runs queries in a transaction, prepared where they are.
type within struct {
	*sql.Tx
	statements *statements
}

func (w within) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	if stmt := w.statements.get(text); stmt != nil {
		return w.StmtContext(ctx, stmt).QueryContext(ctx, args...)
	}
	return w.Tx.QueryContext(ctx, text, args...)
}

func (w within) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	if stmt := w.statements.get(text); stmt != nil {
		return w.StmtContext(ctx, stmt).QueryRowContext(ctx, args...)
	}
	return w.Tx.QueryRowContext(ctx, text, args...)
}
