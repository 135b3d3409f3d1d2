package redis

import (
	"crypto/tls"
	"errors"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"imgd/core"
)

// passing are the refusals of a server that will be well again: it starts, it is
// full, or another node is about to take its place.
var passing = []string{
	"LOADING", "BUSY", "TRYAGAIN", "READONLY", "MASTERDOWN", "CLUSTERDOWN", "MOVED", "ASK", "NOREPLICAS", "MISCONF", "OOM", "UNBLOCKED",
	"ERR max number of clients",
}

// explain gives an error of the client library its kind. What the server refuses
// for good, a password or a command, and a certificate that is not its own, are
// mistakes of ours; whatever else goes wrong happened on the way.
func explain(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return err
	}
	if refusal, ok := errors.AsType[goredis.Error](err); ok && !isPassing(refusal.Error()) {
		return err
	}
	return core.Unavailable.Errorf("Redis is away; try again later").Because(err)
}

func isPassing(refusal string) bool {
	for _, p := range passing {
		if strings.HasPrefix(refusal, p) {
			return true
		}
	}
	return false
}
