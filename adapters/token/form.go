package token

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"imgd/core"
)

const (
	maxToken = 8 << 10 // bytes
	maxKeyID = 128     // bytes of a kid
)

// form is a token taken apart. Nothing in it is to be trusted before its signature
// has been checked; what it says of where a key could be had (jku, x5u, jwk, x5c) is
// not even read.
type form struct {
	alg, kid  string
	typ       string         // in small letters and without application/; empty for none
	claims    map[string]any // numbers are json.Number
	signed    string         // header and payload, as they came
	signature []byte
}

// parse takes a signed token (RFC 7515, compact) apart. It refuses text that parsers
// read in two ways, extensions that we would have to understand, and tokens within
// tokens.
func parse(text string) (*form, error) {
	if len(text) > maxToken {
		return nil, core.Unauthenticated.Errorf("the token has more than %d bytes", maxToken).With("limit", maxToken)
	}
	if strings.ContainsAny(text, "\r\n") { // decoders skip them, strict or not
		return nil, unreadable(errors.New("it has more than one line"))
	}
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return nil, unreadable(errors.New("it has not three parts"))
	}
	header, err := object(parts[0])
	if err != nil {
		return nil, unreadable(err)
	}
	f := &form{signed: text[:len(parts[0])+1+len(parts[1])]}
	if f.claims, err = object(parts[1]); err != nil {
		return nil, unreadable(err)
	}
	if f.signature, err = base64.RawURLEncoding.Strict().DecodeString(parts[2]); err != nil {
		return nil, unreadable(err)
	}
	return f, f.read(header)
}

// read takes from a header the little that matters here.
func (f *form) read(header map[string]any) error {
	if _, ok := header["crit"]; ok {
		return core.Unauthenticated.Errorf("the token demands extensions that this service does not know")
	}
	if _, ok := header["cty"]; ok {
		return core.Unauthenticated.Errorf("the token holds another token; send the inner one")
	}
	f.alg, _ = header["alg"].(string) // what is no text is no algorithm either
	if kid, ok := header["kid"]; ok {
		if f.kid, ok = kid.(string); !ok || len(f.kid) > maxKeyID {
			return core.Unauthenticated.Errorf("the kid of the token is not text of at most %d bytes", maxKeyID)
		}
	}
	if typ, ok := header["typ"]; ok {
		name, _ := typ.(string)
		f.typ = strings.TrimPrefix(strings.ToLower(name), "application/")
		if f.typ != typeJWT && f.typ != typeAccess {
			return core.Unauthenticated.Errorf("the token is not an access token")
		}
	}
	return nil
}

func unreadable(err error) error {
	return core.Unauthenticated.Errorf("the token is not a signed JWT").Because(err)
}

// object reads a part of a token. It refuses anything but one JSON object in UTF-8
// without a member twice: of two, one parser takes the first and the next the last.
func object(part string) (map[string]any, error) {
	text, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
		return nil, errors.New("not a JSON object in UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := once(dec); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the JSON object")
	}
	var members map[string]any
	dec = json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	return members, dec.Decode(&members)
}

// once reads a value and refuses members that come twice in it. The size of a
// token bounds its depth.
func once(dec *json.Decoder) error {
	open, err := dec.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return err
	}
	seen := map[any]bool{}
	for dec.More() {
		if open == json.Delim('{') {
			member, err := dec.Token()
			if err != nil {
				return err
			}
			if seen[member] {
				return fmt.Errorf("the member %q comes twice", member)
			}
			seen[member] = true
		}
		if err := once(dec); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}
