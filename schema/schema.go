// Package schema carries the SQL that shapes each database: the desired state,
// and the migrations that lead to it.
package schema

import (
	"embed"
	"io/fs"
)

//go:embed sqlite/schema.sql sqlite/migrations postgres/schema.sql postgres/migrations
var files embed.FS

// Desired returns the schema an engine should have, "sqlite" or "postgres".
func Desired(engine string) (string, error) {
	b, err := files.ReadFile(engine + "/schema.sql")
	return string(b), err
}

// Migrations returns an engine's versioned migrations with their atlas.sum.
func Migrations(engine string) (fs.FS, error) { return fs.Sub(files, engine+"/migrations") }
