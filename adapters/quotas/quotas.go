// Package quotas reads the file in which an operator gives tenants quotas of their
// own.
package quotas

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"imgd/core"
)

// maxBytes is room for a hundred thousand tenants.
const maxBytes = 16 << 20

// Quotas are what tenants may have: those that are named their own, all others the
// default.
type Quotas struct {
	Default core.Quota
	Named   map[string]core.Quota
}

// Of is the quota of a tenant.
func (q Quotas) Of(tenant string) core.Quota {
	if own, ok := q.Named[tenant]; ok {
		return own
	}
	return q.Default
}

// entry is a tenant in the file. What it does not name is as by default.
type entry struct {
	Images *amount
	Bytes  *amount
	Jobs   *amount
}

// Load reads the quotas of a file:
//
//	tenants:
//	  acme: { images: 100000, bytes: 50GiB, jobs: 5000 }
//	  globex: { images: none }
func Load(file string, standard core.Quota) (Quotas, error) {
	q := Quotas{Default: standard, Named: map[string]core.Quota{}}
	f, err := os.Open(file) // #nosec G304 -- the operator names it
	if err != nil {
		return q, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	dec := yaml.NewDecoder(io.LimitReader(f, maxBytes))
	dec.KnownFields(true)
	var doc struct{ Tenants map[string]entry }
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return q, fmt.Errorf("%s: %w", file, err)
	}
	for tenant, e := range doc.Tenants {
		own := standard
		for to, from := range map[*int64]*amount{&own.Images: e.Images, &own.Bytes: e.Bytes, &own.Jobs: e.Jobs} {
			if from != nil {
				*to = int64(*from)
			}
		}
		q.Named[tenant] = own
	}
	return q, nil
}

// amount is a number, a size, or none.
type amount int64

var sized = regexp.MustCompile(`^([0-9]{1,18}) ?(|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$`)

var units = map[string]int64{"": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}

// UnmarshalYAML reads an amount.
func (a *amount) UnmarshalYAML(n *yaml.Node) error {
	if n.Value == "none" {
		*a = 0
		return nil
	}
	m := sized.FindStringSubmatch(strings.TrimSpace(n.Value))
	if m == nil {
		return fmt.Errorf("line %d: %q is no amount; write 1000, 50GiB or none", n.Line, n.Value)
	}
	number, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || number == 0 || number > (1<<62)/units[m[2]] {
		return fmt.Errorf("line %d: %q is no amount; write 1000, 50GiB or none", n.Line, n.Value)
	}
	*a = amount(number * units[m[2]])
	return nil
}
