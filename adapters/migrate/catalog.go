package migrate

import (
	"context"
	"regexp"
	"slices"
	"strings"

	atlas "ariga.io/atlas/sql/schema"
)

// catalog describes everything in a database, a line a thing, in the database's
// own words, sorted. The order of columns is left out: a column that is added to
// a table stands last there and where it belongs in schema.sql.
func catalog(ctx context.Context, e Engine, q querier, s *atlas.Schema) (lines []string, err error) {
	query := postgresCatalog
	if e == SQLite {
		query = sqliteCatalog
		lines = constraints(s)
	}
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // it was only read
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		lines = append(lines, plain(e, line))
	}
	slices.Sort(lines)
	return lines, rows.Err()
}

// constraints are the names and checks of SQLite's tables, which only the text of
// CREATE TABLE holds: the inspection reads it.
func constraints(s *atlas.Schema) (lines []string) {
	for _, t := range s.Tables {
		if t.Name == table {
			continue
		}
		for _, a := range t.Attrs {
			if c, ok := a.(*atlas.Check); ok {
				lines = append(lines, plain(SQLite, "check "+t.Name+" "+c.Name+" "+c.Expr))
			}
		}
		for _, f := range t.ForeignKeys {
			lines = append(lines, "key "+t.Name+" "+f.Symbol)
		}
	}
	return lines
}

var space = regexp.MustCompile(`\s+`)

// plain is a line without what two ways to write the same differ in: SQLite keeps
// the text of a statement as it was typed.
func plain(e Engine, line string) string {
	line = space.ReplaceAllString(strings.TrimSpace(line), " ")
	if e == SQLite {
		line = strings.NewReplacer("`", "", `"`, "", "( ", "(", " )", ")").Replace(line)
	}
	return line
}

const sqliteCatalog = `WITH t AS (
  SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND substr(name, 1, 7) <> 'sqlite_' AND name <> '` + table + `'
)
SELECT 'table ' || name || iif(wr, ' WITHOUT ROWID', '') || iif(strict, ' STRICT', '') FROM t
UNION ALL
SELECT 'column ' || t.name || '.' || c.name || ' ' || lower(c.type) || iif(c."notnull", ' NOT NULL', '') || coalesce(' DEFAULT ' || c.dflt_value, '')
       || iif(c.pk, ' PRIMARY KEY ' || c.pk, '') || iif(c.hidden, ' GENERATED ' || c.hidden, '')
FROM   t, pragma_table_xinfo(t.name) c
UNION ALL
SELECT 'reference ' || t.name || '.' || f."from" || ' to ' || f."table" || '.' || coalesce(f."to", '') || ' ON UPDATE ' || f.on_update || ' ON DELETE ' || f.on_delete
FROM   t, pragma_foreign_key_list(t.name) f
UNION ALL
SELECT 'unique ' || t.name || '.' || c.name FROM t, pragma_index_list(t.name) i, pragma_index_info(i.name) c WHERE i.origin = 'u'
UNION ALL
SELECT sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL AND tbl_name <> '` + table + `'`

const postgresCatalog = `WITH r AS (
  SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname <> '` + table + `' AND relname <> '` + table + `_pkey'
)
SELECT 'relation ' || relname || ' ' || relkind::text || relpersistence::text || coalesce(' WITH (' || (SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o) || ')', '')
FROM   r
UNION ALL
SELECT 'column ' || r.relname || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN ' COLLATE ' || a.attcollation::regcollation ELSE '' END
       || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '') || a.attgenerated::text || a.attidentity::text
FROM   r JOIN pg_attribute a ON a.attrelid = r.oid JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE  r.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint ' || r.relname || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid) FROM r JOIN pg_constraint c ON c.conrelid = r.oid
UNION ALL
SELECT pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' INVALID' END FROM r JOIN pg_index i ON i.indexrelid = r.oid
UNION ALL
SELECT 'view ' || relname || ' ' || pg_get_viewdef(oid) FROM r WHERE relkind IN ('v', 'm')
UNION ALL
SELECT pg_get_triggerdef(g.oid) FROM r JOIN pg_trigger g ON g.tgrelid = r.oid WHERE NOT g.tgisinternal
UNION ALL
SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prokind IN ('f', 'p')
       AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
UNION ALL
SELECT 'type ' || t.typname || ' ' || string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid
WHERE  t.typnamespace = current_schema()::regnamespace
GROUP BY t.typname`
