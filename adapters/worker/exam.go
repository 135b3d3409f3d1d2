package worker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"imgd/core"
	"imgd/ports"
)

// exam is one comparison. Rows and objects come in the order of their images, so
// that walking along both tells what is missing. Should a store list in another
// order, more is asked for object by object, and the answer is the same.
type exam struct {
	Doctor
	found  *Findings
	before time.Time
	batch  []ports.Entry
}

func (x *exam) run(ctx context.Context) error {
	next, stop := iter.Pull2(x.Blobs.List(ctx, ""))
	defer stop()
	objects := &walk{next: next}
	var group []ports.Need
	for n, err := range x.Rows.Needed(ctx) {
		if err != nil {
			return err
		}
		if len(group) > 0 && groupOf(group[0].Key) != groupOf(n.Key) {
			if err := x.compare(ctx, objects, group); err != nil {
				return err
			}
			group = group[:0]
		}
		group = append(group, n)
	}
	if err := x.compare(ctx, objects, group); err != nil {
		return err
	}
	for { // what is left of the store
		entries, _, err := objects.group("")
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return x.judge(ctx)
		}
		if err := x.see(ctx, entries); err != nil {
			return err
		}
	}
}

// compare looks at what one image needs of one kind.
func (x *exam) compare(ctx context.Context, objects *walk, needs []ports.Need) error {
	if len(needs) == 0 {
		return nil
	}
	there := map[string]int64{}
	for {
		entries, name, err := objects.group(groupOf(needs[0].Key))
		if err != nil {
			return err
		}
		if err := x.see(ctx, entries); err != nil {
			return err
		}
		if name != groupOf(needs[0].Key) && len(entries) > 0 {
			continue // of an image without a row
		}
		for _, e := range entries {
			there[e.Key] = e.Bytes
		}
		break
	}
	seen := map[string]bool{}
	for _, n := range needs {
		if seen[n.Key] {
			continue // of two variants that come out the same
		}
		seen[n.Key] = true
		x.found.Needed++
		bytes, listed := there[n.Key]
		if err := x.check(ctx, n, bytes, listed); err != nil {
			return err
		}
	}
	return nil
}

// check looks at one object that is needed.
func (x *exam) check(ctx context.Context, n ports.Need, bytes int64, listed bool) error {
	switch {
	case listed && bytes == n.Bytes && !x.Digests:
		return nil
	case listed && !x.Digests:
		return x.confirm(ctx, n, &x.found.Damaged, fmt.Sprintf("%s has %d bytes instead of %d", n.Key, bytes, n.Bytes))
	}
	b, err := x.Blobs.Open(ctx, n.Key)
	if core.KindOf(err) == core.NotFound {
		return x.confirm(ctx, n, &x.found.Missing, n.Key)
	}
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // it was only read
	if b.Bytes != n.Bytes {
		return x.confirm(ctx, n, &x.found.Damaged, fmt.Sprintf("%s has %d bytes instead of %d", n.Key, b.Bytes, n.Bytes))
	}
	if !x.Digests {
		return nil
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, b); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != n.SHA256 {
		return x.confirm(ctx, n, &x.found.Damaged, n.Key+" has other bytes than its row describes")
	}
	return nil
}

// confirm notes what is wrong with an object that is needed, unless nobody needs
// it any more.
func (x *exam) confirm(ctx context.Context, n ports.Need, as *Finding, what string) error {
	gone, err := x.Rows.Unknown(ctx, []string{n.Key})
	if err == nil && len(gone) == 0 {
		as.note(what, n.Bytes)
	}
	return err
}

// see counts objects of the store, and has the rows judge the old ones.
func (x *exam) see(ctx context.Context, entries []ports.Entry) error {
	for _, e := range entries {
		if strings.HasPrefix(e.Key, met) {
			continue
		}
		x.found.Objects, x.found.Bytes = x.found.Objects+1, x.found.Bytes+e.Bytes
		if e.Modified.After(x.before) {
			x.found.Young++
			continue
		}
		x.batch = append(x.batch, e)
	}
	if len(x.batch) < asked {
		return nil
	}
	return x.judge(ctx)
}

// judge asks the rows which of the objects that were seen they know.
func (x *exam) judge(ctx context.Context) error {
	keys := make([]string, len(x.batch))
	bytes := map[string]int64{}
	for i, e := range x.batch {
		keys[i], bytes[e.Key] = e.Key, e.Bytes
	}
	unknown, err := x.Rows.Unknown(ctx, keys)
	for _, key := range unknown {
		x.found.Orphans.note(key, bytes[key])
	}
	x.batch = x.batch[:0]
	return err
}

// groupOf is what the objects of one image and kind have in common: o/ID, v/ID.
func groupOf(key string) string {
	kind, rest, _ := strings.Cut(key, "/")
	id, _, _ := strings.Cut(rest, "/")
	return kind + "/" + id
}
