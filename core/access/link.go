package access

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"imgd/core"
)

const (
	// MaxLinkLife is the longest life of a link.
	MaxLinkLife = 7 * 24 * time.Hour

	// minLinkSecret is the fewest bytes a secret may have: as many as HMAC-SHA256 gives out.
	minLinkSecret = 32

	// linkPurpose keeps keys of links apart from whatever else is derived of a secret.
	// It changes with the bytes that are signed.
	linkPurpose = "imgd: read a variant by a link, version 2"

	// sealed is how much of a signature says whose the image is.
	sealed = 16
)

// LinkKeys sign links. The first signs; all of them verify, so that a new key can
// come first while links of the old one live out, and leaving one out revokes its
// links. None signs nothing and verifies nothing.
type LinkKeys []LinkKey

// LinkKey is one of them.
type LinkKey struct {
	ID  string // kid: links name their key
	key []byte // derived, never the secret itself
}

var keyIDs = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// NewLinkKeys reads kid:secret entries, separated by commas or white space.
func NewLinkKeys(text string) (keys LinkKeys, err error) {
	secrets := map[string]string{}
	entries := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	for i, entry := range entries {
		id, secret, ok := strings.Cut(entry, ":")
		switch {
		case !ok:
			return nil, fmt.Errorf("entry %d has no colon; write kid:secret", i+1)
		case !keyIDs.MatchString(id):
			return nil, fmt.Errorf("the kid of entry %d is not 1 to 32 of A-Z, a-z, 0-9, _ and -", i+1)
		case len(secret) < minLinkSecret:
			return nil, fmt.Errorf("the secret of %s has %d bytes and needs %d or more; openssl rand -hex 32 makes one", id, len(secret), minLinkSecret)
		}
		for _, k := range keys {
			if k.ID == id {
				return nil, fmt.Errorf("%s is there twice; a new secret needs a kid of its own", id)
			}
		}
		if twin := secrets[secret]; twin != "" {
			return nil, fmt.Errorf("%s and %s have the same secret; then neither can be revoked alone", twin, id)
		}
		secrets[secret] = id
		key, err := hkdf.Key(sha256.New, []byte(secret), nil, linkPurpose, sha256.Size)
		if err != nil {
			return nil, err
		}
		keys = append(keys, LinkKey{id, key})
	}
	return keys, nil
}

// Sign signs a link into a tenant. Without keys it is a LinksOff.
func (k LinkKeys) Sign(tenant string, l core.Link) (keyID, signature string, err error) {
	if len(k) == 0 {
		return "", "", core.LinksOff.Errorf("the service has no key to sign links with; its operator sets IMGD_LINK_KEYS")
	}
	return k[0].ID, k[0].sign(k[0].seal(tenant, l.Image), l), nil
}

// Verify refuses a link that no key of ours has signed just so, and then one whose time
// is over: only who holds a true link learns that it has been one. It takes no look at
// the records, so that forgeries cost nothing; of a link that passes, Leads tells the rest.
func (k LinkKeys) Verify(l core.Link, keyID, signature string, now time.Time) error {
	key, seal := k.find(keyID, signature)
	if seal == nil || !hmac.Equal([]byte(key.sign(seal, l)), []byte(signature)) {
		return LinkInvalid()
	}
	if !now.Before(l.Expires) {
		return core.URLExpired.Errorf("the link has expired; ask for a new one").With("expired_at", l.Expires.UTC())
	}
	return nil
}

// Leads reports whether a link that Verify has passed was signed into this tenant.
func (k LinkKeys) Leads(tenant string, l core.Link, keyID, signature string) bool {
	key, seal := k.find(keyID, signature)
	return seal != nil && hmac.Equal(key.seal(tenant, l.Image), seal)
}

// find returns the key that a link names, and the seal that its signature begins with,
// nil where it is no signature of a key that is known.
func (k LinkKeys) find(keyID, signature string) (key LinkKey, seal []byte) {
	i := slices.IndexFunc(k, func(one LinkKey) bool { return one.ID == keyID })
	text, err := base64.RawURLEncoding.DecodeString(signature)
	if i < 0 || err != nil || len(text) != sealed+sha256.Size {
		return LinkKey{}, nil
	}
	return k[i], text[:sealed]
}

// LinkInvalid is the answer to every link that is not one, whatever is wrong with it.
func LinkInvalid() error {
	return core.SignatureInvalid.Errorf("the signature does not belong to this address; use the link exactly as it was given out, or ask for a new one")
}

// sign is the signature as addresses carry it: the seal, and the whole of an HMAC-SHA256
// over it and the link.
func (k LinkKey) sign(seal []byte, l core.Link) string {
	mac := k.mac("link", string(seal), string(l.Image), l.Variant, l.Version, strconv.FormatInt(l.Expires.Unix(), 10), strconv.FormatBool(l.Redirect), k.ID)
	return base64.RawURLEncoding.EncodeToString(append(slices.Clone(seal), mac...))
}

// seal says whose an image is, to nobody but us: strangers get to see addresses, and
// neither read a tenant in them nor see that two images are of the same.
func (k LinkKey) seal(tenant string, image core.ID) []byte {
	return k.mac("tenant", tenant, string(image))[:sealed]
}

// mac signs parts. Each is preceded by its length, so that no two lists are the same bytes.
func (k LinkKey) mac(parts ...string) []byte {
	var text []byte
	for _, part := range parts {
		text = binary.AppendUvarint(text, uint64(len(part)))
		text = append(text, part...)
	}
	mac := hmac.New(sha256.New, k.key)
	mac.Write(text)
	return mac.Sum(nil)
}
