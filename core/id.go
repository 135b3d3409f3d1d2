package core

import "strings"

// ID names a thing of ours: a UUID version 7 (RFC 9562) in lower-case text, so
// that ids sort by their time of birth.
type ID string

// ParseID accepts the text form of any UUID, in either case. What is not a UUID
// names nothing, hence a NotFound: a stranger learns no more from a wrong shape
// than from a wrong id.
func ParseID(s string) (ID, error) {
	s = strings.ToLower(s)
	if len(s) != 36 {
		return "", NotFound.Errorf("%q is not an id of this service", clip(s, 40))
	}
	for i := range len(s) {
		switch c := s[i]; {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", NotFound.Errorf("%q is not an id of this service", s)
			}
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
		default:
			return "", NotFound.Errorf("%q is not an id of this service", clip(s, 40))
		}
	}
	return ID(s), nil
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
