package migrate

import (
	"context"
	"fmt"
	"strings"
)

// witness looks at a scratch database before a file runs. What it returns looks
// again and names the columns whose values did not live through the file, although
// they are there: dropped and made anew, or not copied to the table's successor.
func (s scratch) witness(ctx context.Context) (func() ([]string, error), error) {
	if s.engine == SQLite {
		return s.planted(ctx)
	}
	return s.numbered(ctx)
}

// numbered follows PostgreSQL's numbers of columns, which are never used again.
func (s scratch) numbered(ctx context.Context) (func() ([]string, error), error) {
	before, err := s.numbers(ctx)
	return func() (lost []string, err error) {
		after, err := s.numbers(ctx)
		if err != nil {
			return nil, err
		}
		for name, number := range before {
			if now, ok := after[name]; ok && now != number {
				lost = append(lost, name)
			}
		}
		return lost, nil
	}, err
}

func (s scratch) numbers(ctx context.Context) (map[string]string, error) {
	rows, err := s.QueryContext(ctx, `SELECT c.relname || '.' || a.attname, c.oid || '.' || a.attnum
FROM   pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE  c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	all := map[string]string{}
	for rows.Next() {
		var name, number string
		if err := rows.Scan(&name, &number); err != nil {
			return nil, err
		}
		all[name] = number
	}
	return all, rows.Err()
}

// planted puts a row into each of SQLite's tables, which are rebuilt by copying,
// and looks whether it is still there.
func (s scratch) planted(ctx context.Context) (func() ([]string, error), error) {
	values, err := s.samples(ctx)
	if err != nil {
		return nil, err
	}
	for _, statement := range []string{"PRAGMA foreign_keys = off", "PRAGMA ignore_check_constraints = on"} {
		if _, err := s.ExecContext(ctx, statement); err != nil {
			return nil, err
		}
	}
	for table, row := range values {
		var names, literals []string
		for name, literal := range row {
			names, literals = append(names, name), append(literals, literal)
		}
		insert := fmt.Sprintf("DELETE FROM %s; INSERT INTO %s (%s) VALUES (%s)", table, table, strings.Join(names, ", "), strings.Join(literals, ", ")) // #nosec G201 -- a scratch database
		if _, err := s.ExecContext(ctx, insert); err != nil {
			return nil, fmt.Errorf("a row for %s: %w", table, err)
		}
	}
	return func() ([]string, error) { return s.withered(ctx, values) }, nil
}

// samples are a literal for each column of each table, names quoted.
func (s scratch) samples(ctx context.Context) (map[string]map[string]string, error) {
	rows, err := s.QueryContext(ctx, `SELECT '"' || t.name || '"', '"' || c.name || '"', lower(c.type)
FROM   pragma_table_list t, pragma_table_xinfo(t.name) c
WHERE  t.schema = 'main' AND t.type = 'table' AND substr(t.name, 1, 7) <> 'sqlite_' AND c.hidden = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	all := map[string]map[string]string{}
	for rows.Next() {
		var table, column, kind string
		if err := rows.Scan(&table, &column, &kind); err != nil {
			return nil, err
		}
		if all[table] == nil {
			all[table] = map[string]string{}
		}
		all[table][column] = sample(kind)
	}
	return all, rows.Err()
}

func sample(kind string) string {
	switch {
	case strings.Contains(kind, "json"):
		return `'{"planted":1}'`
	case strings.Contains(kind, "text"), strings.Contains(kind, "char"), strings.Contains(kind, "clob"):
		return "'planted'"
	}
	return "71"
}

// withered are the columns that are there and do not hold what was planted.
func (s scratch) withered(ctx context.Context, values map[string]map[string]string) (lost []string, err error) {
	now, err := s.samples(ctx)
	if err != nil {
		return nil, err
	}
	for table, row := range values {
		for column, literal := range row {
			if _, ok := now[table][column]; !ok {
				continue
			}
			var n int
			if err := s.QueryRowContext(ctx, fmt.Sprintf("SELECT count(*) FROM %s WHERE %s = %s", table, column, literal)).Scan(&n); err != nil { // #nosec G201 -- a scratch database
				return nil, err
			}
			if n == 0 {
				lost = append(lost, strings.Trim(table, `"`)+"."+strings.Trim(column, `"`))
			}
		}
	}
	return lost, nil
}
