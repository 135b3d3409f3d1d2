package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"imgd/adapters/records/internal/gen"
	"imgd/adapters/records/internal/pg"
)

// transact runs fn in a transaction that begins with the given statements, all in
// one round trip. However fn and the context end, the connection goes back without
// a transaction or not at all. A commit that was sent is waited for although the
// caller has gone: the server will not stop, and the answer is near.
func (db *DB) transact(ctx context.Context, begin string, fn func(gen.Querier, time.Time) error) error {
	lasting, end := context.WithTimeout(context.WithoutCancel(ctx), db.timeout)
	defer end()
	within, cancel := context.WithTimeout(ctx, db.timeout)
	defer cancel()
	conn, err := db.pool.Acquire(within)
	if err != nil {
		return explain(ctx, err)
	}
	defer conn.Release() // one that is inside a transaction, or broken, is closed
	now, err := start(within, conn, begin)
	if err != nil {
		return explain(ctx, err)
	}
	s := &session{conn: conn, ctx: within, waiting: &pgx.Batch{}}
	if err = fn(pg.New(s), now); err == nil {
		err = within.Err()
	}
	if err == nil {
		s.ctx = lasting
		err = s.commit()
	}
	if err != nil {
		rollback(within, conn)
	}
	return explain(ctx, err)
}

// start sends the statements that begin a transaction and reads the time that the
// last of them may tell.
func start(ctx context.Context, conn *pgxpool.Conn, begin string) (now time.Time, err error) {
	results, err := conn.Conn().PgConn().Exec(ctx, begin).ReadAll()
	if err != nil || len(results) == 0 {
		return now, err
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return now, nil
	}
	us, err := strconv.ParseInt(string(last.Rows[0][0]), 10, 64)
	return time.UnixMicro(us).UTC(), err
}

// rollback saves the connection; when that fails, releasing it closes it.
func rollback(ctx context.Context, conn *pgxpool.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
	defer cancel()
	if _, err := conn.Exec(ctx, "ROLLBACK"); err != nil {
		_ = conn.Conn().Close(ctx)
	}
}

// errUnsafe is why a server is refused.
var errUnsafe = errors.New("the server may lose what it has committed")

// inspect looks at the server through one connection: whether it keeps what it
// commits, and whether something lends us its sessions. Through a pooler the
// process id that belongs to the connection is not the server's own.
func inspect(ctx context.Context, config *pgx.ConnConfig, unsafe bool) (pooled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return false, explain(ctx, err)
	}
	defer conn.Close(ctx) //nolint:errcheck // it was only asked
	var pid uint32
	var version int
	var fsync, pages string
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid(), CAST(current_setting('server_version_num') AS integer), current_setting('fsync'), current_setting('full_page_writes')").
		Scan(&pid, &version, &fsync, &pages)
	switch {
	case err != nil:
		return false, explain(ctx, err)
	case version < 130000:
		return false, fmt.Errorf("PostgreSQL 13 or newer is needed, this is %d", version/10000)
	case (fsync != "on" || pages != "on") && !unsafe:
		return false, fmt.Errorf("%w: fsync is %s and full_page_writes is %s; turn both on, or say IMGD_UNSAFE_DURABILITY=true where nothing is worth keeping", errUnsafe, fsync, pages)
	}
	return pid != conn.PgConn().PID(), nil
}
