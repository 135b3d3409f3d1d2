package rest

import (
	"bytes"
	"encoding/json"
)

// mergePatch applies a JSON merge patch (RFC 7396). Values are passed on as they
// were written, with every digit.
func mergePatch(target, patch json.RawMessage) (json.RawMessage, error) {
	changes, ok := object(patch)
	if !ok {
		return patch, nil
	}
	merged, ok := object(target)
	if !ok {
		merged = map[string]json.RawMessage{}
	}
	for name, change := range changes {
		if bytes.Equal(bytes.TrimSpace(change), []byte("null")) {
			delete(merged, name)
			continue
		}
		v, err := mergePatch(merged[name], change)
		if err != nil {
			return nil, err
		}
		merged[name] = v
	}
	return json.Marshal(merged)
}

// object reads the members of a JSON object; anything else is not ok.
func object(text json.RawMessage) (members map[string]json.RawMessage, ok bool) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		return nil, false
	}
	if err := json.Unmarshal(text, &members); err != nil {
		return nil, false
	}
	return members, members != nil
}
