package access

import (
	"fmt"
	"regexp"
	"strings"

	"imgd/core"
)

// PublicBuckets are the buckets whose variants anybody may read. Nothing else of
// them is public: no list, no original, nothing that is known of an image.
type PublicBuckets []publicBucket

type publicBucket struct {
	tenant string
	bucket *regexp.Regexp
}

var bucketGlobs = regexp.MustCompile(`^[a-z0-9*][a-z0-9._*-]*(/[a-z0-9._*-]+)*$`)

// NewPublicBuckets reads tenant/bucket entries. In the bucket * stands for any text
// without a slash, ** for any text; the tenant is exact.
func NewPublicBuckets(entries []string) (public PublicBuckets, err error) {
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		tenant, bucket, ok := strings.Cut(entry, "/")
		switch {
		case entry == "":
			continue
		case !ok || tenant == "":
			return nil, fmt.Errorf("%q names no bucket of a tenant; write TENANT/BUCKET, such as acme/press/*", entry)
		case strings.Contains(tenant, "*"):
			return nil, fmt.Errorf("%q is for every tenant; name each that wants it", entry)
		case !bucketGlobs.MatchString(bucket) || strings.Contains(bucket, "..") || strings.Contains(bucket, "***"):
			return nil, fmt.Errorf("%q names no bucket: of its name, a-z, 0-9, dot, _, - and / are left, * for any text without a slash, ** for any text", entry)
		}
		public = append(public, publicBucket{tenant, glob(bucket)})
	}
	return public, nil
}

// glob is a pattern as a regular expression, which takes linear time.
func glob(pattern string) *regexp.Regexp {
	text := regexp.QuoteMeta(pattern)
	text = strings.ReplaceAll(text, `\*\*`, `.*`)
	text = strings.ReplaceAll(text, `\*`, `[^/]*`)
	return regexp.MustCompile(`^` + text + `$`)
}

// Cover reports whether anybody may read the variants there. Of what is deleted nobody
// may.
func (b PublicBuckets) Cover(at core.Place) bool {
	if at.DeletedAt != nil {
		return false
	}
	for _, one := range b {
		if one.tenant == at.Tenant && one.bucket.MatchString(at.Bucket) {
			return true
		}
	}
	return false
}
