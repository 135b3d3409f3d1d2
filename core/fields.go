package core

import (
	"path"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxBucket     = 128
	maxExternalID = 255
	maxFilename   = 255
)

var buckets = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(/[a-z0-9._-]+)*$`)

// Bucket checks a bucket's name; the empty name is the bucket default.
func Bucket(name string) (string, error) {
	if name == "" {
		return "default", nil
	}
	if len(name) > maxBucket || !buckets.MatchString(name) || strings.Contains(name, "..") {
		return "", InvalidParameter.Errorf("%q cannot name a bucket: use 1 to 128 of a-z, 0-9, dot, _, - and /, beginning with a letter or digit, without .. or empty segments", clip(name, 40)).With("parameter", "bucket")
	}
	return name, nil
}

// ExternalID checks a caller's own name for an image.
func ExternalID(id string) (string, error) {
	if len(id) > maxExternalID || !utf8.ValidString(id) || strings.ContainsFunc(id, unicode.IsControl) {
		return "", InvalidParameter.Errorf("an external_id has at most %d bytes of UTF-8 without control characters", maxExternalID).With("parameter", "external_id")
	}
	return id, nil
}

// Filename keeps the last segment of a name that came with a file, without what
// would harm a header or a terminal.
func Filename(name string) string {
	name = path.Base(strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/"))
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	if name == "." || name == "/" || name == ".." {
		return ""
	}
	for len(name) > maxFilename {
		_, n := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-n]
	}
	return name
}

// ExpiresAt checks the time at which an image is to be deleted by itself.
func ExpiresAt(at, now time.Time) (time.Time, error) {
	at = Round(at)
	if !at.After(now) || at.Year() > 9999 {
		return at, InvalidParameter.Errorf("expires_at has to be in the future, and in the year 9999 at the latest").With("parameter", "expires_at")
	}
	return at, nil
}
