// Package imgd holds the contract of the service, where everybody who opens the
// repository looks for it.
package imgd

import _ "embed"

// OpenAPI is openapi.yaml.
//
//go:embed openapi.yaml
var OpenAPI []byte
