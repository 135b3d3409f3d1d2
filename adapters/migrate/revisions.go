package migrate

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"ariga.io/atlas/sql/migrate"
)

// querier is a transaction or a connection.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// revisions is the table of what was applied. Its SQL is the same for every
// engine.
type revisions struct {
	querier
	engine Engine
}

const table = "revisions"

func (r revisions) init(ctx context.Context) error {
	_, err := r.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+table+` (
  version        text   NOT NULL PRIMARY KEY,
  description    text   NOT NULL,
  type           bigint NOT NULL,
  applied        bigint NOT NULL,
  total          bigint NOT NULL,
  executed_at    text   NOT NULL,
  execution_ns   bigint NOT NULL,
  error          text   NOT NULL,
  error_stmt     text   NOT NULL,
  hash           text   NOT NULL,
  partial_hashes text   NOT NULL,
  operator       text   NOT NULL
)`)
	return err
}

// kept reports whether the table is there.
func (r revisions) kept(ctx context.Context) (there bool, err error) {
	query := "SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = '" + table + "'"
	if r.engine == Postgres {
		query = "SELECT to_regclass('" + table + "') IS NOT NULL"
	}
	err = r.QueryRowContext(ctx, query).Scan(&there)
	return there, err
}

// stranger is the name of a table in a database that nobody has migrated, empty
// when there is none.
func (r revisions) stranger(ctx context.Context) (name string, err error) {
	query := "SELECT coalesce(min(name), '') FROM sqlite_master WHERE type = 'table' AND name NOT IN ('" + table + "', 'sqlite_sequence')"
	if r.engine == Postgres {
		query = "SELECT coalesce(min(tablename::text), '') FROM pg_tables WHERE schemaname = current_schema() AND tablename <> '" + table + "'"
	}
	err = r.QueryRowContext(ctx, query).Scan(&name)
	return name, err
}

// Ident names the table, which the executor leaves out of what it compares.
func (r revisions) Ident() *migrate.TableIdent {
	if r.engine == Postgres {
		return &migrate.TableIdent{Name: table, Schema: "public"}
	}
	return &migrate.TableIdent{Name: table}
}

const columns = `version, description, type, applied, total, executed_at, execution_ns, error, error_stmt, hash, partial_hashes, operator`

// ReadRevisions returns everything that was applied, the oldest first.
func (r revisions) ReadRevisions(ctx context.Context) ([]*migrate.Revision, error) {
	if there, err := r.kept(ctx); err != nil || !there {
		return nil, err
	}
	return r.read(ctx, "")
}

// ReadRevision returns what is known of one version.
func (r revisions) ReadRevision(ctx context.Context, version string) (*migrate.Revision, error) {
	list, err := r.read(ctx, "WHERE version = $1", version)
	if err == nil && len(list) == 0 {
		return nil, migrate.ErrRevisionNotExist
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (r revisions) read(ctx context.Context, where string, args ...any) (list []*migrate.Revision, err error) {
	rows, err := r.QueryContext(ctx, "SELECT "+columns+" FROM "+table+" "+where+" ORDER BY version", args...) // #nosec G202 -- constants
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var v migrate.Revision
		var at, partial string
		if err := rows.Scan(&v.Version, &v.Description, &v.Type, &v.Applied, &v.Total, &at, &v.ExecutionTime, &v.Error, &v.ErrorStmt, &v.Hash, &partial, &v.OperatorVersion); err != nil {
			return nil, err
		}
		if v.ExecutedAt, err = time.Parse(time.RFC3339Nano, at); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(partial), &v.PartialHashes); err != nil {
			return nil, err
		}
		list = append(list, &v)
	}
	return list, rows.Err()
}

// WriteRevision keeps what is known of a version now.
func (r revisions) WriteRevision(ctx context.Context, v *migrate.Revision) error {
	partial, err := json.Marshal(v.PartialHashes)
	if err != nil {
		return err
	}
	_, err = r.ExecContext(ctx, `INSERT INTO `+table+` (`+columns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (version) DO UPDATE
SET    description = excluded.description, type = excluded.type, applied = excluded.applied, total = excluded.total,
       executed_at = excluded.executed_at, execution_ns = excluded.execution_ns, error = excluded.error,
       error_stmt = excluded.error_stmt, hash = excluded.hash, partial_hashes = excluded.partial_hashes, operator = excluded.operator`,
		v.Version, v.Description, int64(v.Type), v.Applied, v.Total, v.ExecutedAt.UTC().Format(time.RFC3339Nano),
		int64(v.ExecutionTime), v.Error, v.ErrorStmt, v.Hash, string(partial), v.OperatorVersion)
	return err
}

// DeleteRevision forgets a version.
func (r revisions) DeleteRevision(ctx context.Context, version string) error {
	_, err := r.ExecContext(ctx, `DELETE FROM `+table+` WHERE version = $1`, version)
	return err
}
