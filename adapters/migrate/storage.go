package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ariga.io/atlas/sql/migrate"
)

// storage are the parameters of PostgreSQL's tables and indexes (fillfactor,
// autovacuum_...), which the planner does not see: `TABLE "jobs"` has a map of its
// options.
type storage map[string]map[string]string

func readStorage(ctx context.Context, e Engine, q querier) (storage, error) {
	all := storage{}
	if e != Postgres {
		return all, nil
	}
	rows, err := q.QueryContext(ctx, `SELECT CASE c.relkind WHEN 'i' THEN 'INDEX "' ELSE 'TABLE "' END || c.relname || '"', o.option_name, o.option_value
FROM   pg_class c, pg_options_to_table(c.reloptions) o
WHERE  c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'i')`)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var of, option, value string
		if err := rows.Scan(&of, &option, &value); err != nil {
			return nil, err
		}
		if all[of] == nil {
			all[of] = map[string]string{}
		}
		all[of][option] = value
	}
	return all, rows.Err()
}

// since are the statements that lead here from what was before.
func (s storage) since(before storage) (list []*migrate.Change) {
	of := slices.Sorted(maps.Keys(s))
	for name := range before {
		if s[name] == nil {
			of = append(of, name)
		}
	}
	for _, name := range of {
		if set := assignments(s[name], before[name]); set != "" {
			list = append(list, &migrate.Change{Cmd: fmt.Sprintf("ALTER %s SET (%s)", name, set), Comment: "set storage parameters"})
		}
		if gone := missing(s[name], before[name]); gone != "" {
			list = append(list, &migrate.Change{Cmd: fmt.Sprintf("ALTER %s RESET (%s)", name, gone), Comment: "reset storage parameters"})
		}
	}
	return list
}

func assignments(now, before map[string]string) string {
	var list []string
	for _, option := range slices.Sorted(maps.Keys(now)) {
		if value, ok := before[option]; !ok || value != now[option] {
			list = append(list, option+" = "+now[option])
		}
	}
	return strings.Join(list, ", ")
}

func missing(now, before map[string]string) string {
	var list []string
	for _, option := range slices.Sorted(maps.Keys(before)) {
		if _, ok := now[option]; !ok {
			list = append(list, option)
		}
	}
	return strings.Join(list, ", ")
}
