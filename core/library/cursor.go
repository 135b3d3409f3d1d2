package library

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"imgd/core"
	"imgd/core/access"
)

// Bounds of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// list asks the policy, unless may is nil, and reads one page, and one item more to know whether another page follows.
func list[T, F any](may func() error, by core.Principal, f F, limit int, cursor string, read func(core.Page) ([]T, error), place func(T) core.Position) (items []T, next string, err error) {
	if err := access.May(by, core.ScopeRead); err != nil {
		return nil, "", err
	}
	if may != nil {
		if err := may(); err != nil {
			return nil, "", err
		}
	}
	if limit == 0 {
		limit = DefaultLimit
	}
	if limit < 1 || limit > MaxLimit {
		return nil, "", core.InvalidParameter.Errorf("limit must be 1 to %d", MaxLimit).With("parameter", "limit")
	}
	bound := filterDigest(by.Tenant, f)
	before, err := readCursor(cursor, bound)
	if err != nil {
		return nil, "", err
	}
	if items, err = read(core.Page{Limit: limit + 1, Before: before}); err != nil {
		return nil, "", err
	}
	if len(items) <= limit {
		return items, "", nil
	}
	items = items[:limit]
	return items, writeCursor(place(items[limit-1]), bound), nil
}

// cursor is a place in a list of one tenant under one filter.
type cursor struct {
	core.Position
	Bound string `json:"f"`
}

func writeCursor(p core.Position, bound string) string {
	b, err := json.Marshal(cursor{p, bound})
	if err != nil {
		return "" // a time and two strings always encode
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readCursor(text, bound string) (*core.Position, error) {
	if text == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	var c cursor
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.Bound != bound {
		return nil, core.InvalidCursor.Errorf("the cursor does not belong to this list; use next_cursor of the page before with the same filters").Because(err)
	}
	return &c.Position, nil
}

// filterDigest ties a cursor to its list.
func filterDigest(tenant string, filter any) string {
	b, err := json.Marshal(filter)
	if err != nil {
		b = fmt.Append(nil, filter)
	}
	sum := sha256.Sum256(append([]byte(tenant+"\x00"), b...))
	return hex.EncodeToString(sum[:6])
}
