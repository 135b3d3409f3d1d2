package migrate

import (
	"fmt"
	"slices"
	"strings"

	"ariga.io/atlas/sql/postgres"
	atlas "ariga.io/atlas/sql/schema"
	"ariga.io/atlas/sql/sqlite"
)

func (e Engine) format(c *atlas.Column) string {
	write := sqlite.FormatType
	if e == Postgres {
		write = postgres.FormatType
	}
	text, err := write(c.Type.Type)
	if err != nil {
		text = c.Type.Raw
	}
	return strings.ToLower(text)
}

// roomier are the types that hold every value of another.
var roomier = map[string][]string{
	"smallint": {"integer", "bigint", "numeric"},
	"integer":  {"bigint", "numeric"},
	"int":      {"integer", "bigint", "numeric"},
	"bigint":   {"numeric"},
	"real":     {"double precision"},
	"date":     {"timestamp", "timestamptz"},
	"varchar":  {"text"},
}

// widens reports whether every value of one type is a value of the other. What is
// not known to be is not.
func widens(from, to string) bool {
	a, b := sized(from), sized(to)
	if a.name != b.name {
		return slices.Contains(roomier[a.name], b.name) && b.size == 0
	}
	return b.size == 0 || a.size != 0 && b.size >= a.size && a.size2 == b.size2
}

type size struct {
	name        string
	size, size2 int // 0: any
}

func sized(text string) (s size) {
	name, rest, _ := strings.Cut(text, "(")
	s.name = strings.TrimSpace(name)
	if s.name == "character varying" {
		s.name = "varchar"
	}
	_, _ = fmt.Sscanf(rest, "%d", &s.size)
	if _, second, ok := strings.Cut(rest, ","); ok {
		_, _ = fmt.Sscanf(strings.TrimSpace(second), "%d", &s.size2)
	}
	return s
}
