package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/ncruces/go-sqlite3/driver"

	"imgd/adapters/records/internal/gen"
	"imgd/adapters/records/internal/lite"
)

// writer is the one goroutine that writes, on the one connection that may. SQLite
// has one writer at a time, and a commit costs a sync of the disk: what has
// gathered while the last commit was under way shares the next one.
type writer struct {
	conn  *sql.Conn
	ready prepared
	queue chan *write
	quit  chan struct{}
	ended chan struct{}
}

var errClosed = errors.New("the database is closed")

// crowd is how many writes one commit takes along.
const crowd = 64

// write is somebody's wish to write. It is taken once, by the writer or back by
// whoever has it no longer.
type write struct {
	ctx   context.Context //nolint:containedctx // the caller's, who waits
	fn    func(gen.Querier, time.Time) error
	taken atomic.Bool
	err   error
	end   chan struct{}
}

func newWriter(ctx context.Context, db *sql.DB) (*writer, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	w := &writer{conn: conn, ready: prepared{conn: conn, stmts: map[string]*sql.Stmt{}}, queue: make(chan *write), quit: make(chan struct{}), ended: make(chan struct{})}
	go w.run()
	return w, nil
}

// close waits for the last commit.
func (w *writer) close() error {
	close(w.quit)
	<-w.ended
	return errors.Join(w.ready.close(), w.conn.Close())
}

// do has fn carried out and committed. A caller whose context ends gets its wish
// back while it is still waiting, and otherwise the answer, which is near.
func (w *writer) do(ctx context.Context, fn func(gen.Querier, time.Time) error) error {
	wish := &write{ctx: ctx, fn: fn, end: make(chan struct{})}
	select {
	case w.queue <- wish:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case <-wish.end:
	case <-ctx.Done():
		if wish.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-wish.end
	}
	return explain(ctx, wish.err)
}

func (w *writer) run() {
	defer close(w.ended)
	for {
		select {
		case first := <-w.queue:
			w.commit(first)
		case <-w.quit:
			return
		}
	}
}

// gather takes along whoever waits by now.
func (w *writer) gather(first *write) []*write {
	batch := []*write{first}
	for len(batch) < crowd {
		select {
		case next := <-w.queue:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// commit carries out whatever waits in one transaction. One that fails leaves the
// others alone.
func (w *writer) commit(first *write) {
	now, err := w.begin()
	batch := take(w.gather(first))
	if err != nil || len(batch) == 0 {
		w.rollback()
		finish(batch, err)
		return
	}
	for i, wish := range batch {
		wish.err = w.carryOut(wish, now, len(batch) > 1)
		if wish.err != nil && w.idle() { // SQLite has given up the whole transaction
			finish(batch[i:i+1], wish.err)
			w.eachAlone(append(batch[:i:i], batch[i+1:]...))
			return
		}
	}
	if len(batch) == 1 && batch[0].err != nil {
		w.rollback()
	} else if err := w.exec("COMMIT"); err != nil {
		w.rollback()
		for _, wish := range batch {
			wish.err = errors.Join(wish.err, err)
		}
	}
	for _, wish := range batch {
		close(wish.end)
	}
}

// begin takes the write lock, for which other processes may have it wait, and
// tells the time.
func (w *writer) begin() (now time.Time, err error) {
	if err := w.exec("BEGIN IMMEDIATE"); err != nil {
		return now, err
	}
	var us int64
	err = w.ready.QueryRowContext(context.Background(), "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)").Scan(&us)
	return time.UnixMicro(us).UTC(), err
}

// take keeps those of batch that nobody has taken back.
func take(batch []*write) (left []*write) {
	for _, wish := range batch {
		if wish.taken.CompareAndSwap(false, true) {
			left = append(left, wish)
		}
	}
	return left
}

func finish(batch []*write, err error) {
	for _, wish := range batch {
		wish.err = err
		close(wish.end)
	}
}

// carryOut runs one wish, among others behind a savepoint.
func (w *writer) carryOut(wish *write, now time.Time, among bool) (err error) {
	if wish.ctx.Err() != nil {
		return wish.ctx.Err()
	}
	if !among {
		return w.call(wish, now)
	}
	if err := w.exec("SAVEPOINT wish"); err != nil {
		return err
	}
	if err = w.call(wish, now); err != nil && !w.idle() {
		err = errors.Join(err, w.exec("ROLLBACK TO wish"))
	}
	if !w.idle() {
		err = errors.Join(err, w.exec("RELEASE wish"))
	}
	return err
}

// call runs what a caller wants on the writer's goroutine, which has to outlive it.
func (w *writer) call(wish *write, now time.Time) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return wish.fn(lite.New(&w.ready), now)
}

// eachAlone carries out what another's failure has undone.
func (w *writer) eachAlone(batch []*write) {
	for _, wish := range batch {
		now, err := w.begin()
		if err == nil {
			err = w.carryOut(wish, now, false)
		}
		if err == nil {
			err = w.exec("COMMIT")
		}
		if err != nil {
			w.rollback()
		}
		finish([]*write{wish}, err)
	}
}

func (w *writer) exec(text string) error {
	_, err := w.ready.ExecContext(context.Background(), text)
	return err
}

// idle reports whether no transaction is open.
func (w *writer) idle() (idle bool) {
	_ = w.conn.Raw(func(c any) error {
		idle = c.(driver.Conn).Raw().GetAutocommit()
		return nil
	})
	return idle
}

func (w *writer) rollback() {
	if !w.idle() {
		_ = w.exec("ROLLBACK")
	}
}

// prepared runs queries on one connection, each text parsed once: parsing costs as
// much as running. A statement that has begun is not interrupted, since that would
// end the transaction it shares.
type prepared struct {
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

func (p *prepared) get(text string) (*sql.Stmt, error) {
	if stmt := p.stmts[text]; stmt != nil {
		return stmt, nil
	}
	stmt, err := p.conn.PrepareContext(context.Background(), text)
	if err == nil {
		p.stmts[text] = stmt
	}
	return stmt, err
}

func (p *prepared) close() error {
	var errs []error
	for _, stmt := range p.stmts {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(errs...)
}

// ExecContext runs a statement.
func (p *prepared) ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error) {
	stmt, err := p.get(text)
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(context.WithoutCancel(ctx), args...)
}

// QueryContext runs a query of many rows.
func (p *prepared) QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error) {
	stmt, err := p.get(text)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(context.WithoutCancel(ctx), args...)
}

// QueryRowContext runs a query of one row.
func (p *prepared) QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row {
	stmt, err := p.get(text)
	if err != nil {
		return p.conn.QueryRowContext(ctx, text, args...) // fails the same way, and says so
	}
	return stmt.QueryRowContext(context.WithoutCancel(ctx), args...)
}

// PrepareContext is not what the generated code does.
func (p *prepared) PrepareContext(ctx context.Context, text string) (*sql.Stmt, error) {
	return p.conn.PrepareContext(ctx, text)
}
