package main

import (
	"errors"
	"fmt"
	"sync/atomic"

	"imgd/core/access"
)

// linkKeys reads the keys that sign links; without any, links are off.
func (s *Settings) linkKeys() (access.LinkKeys, error) {
	keys, err := access.NewLinkKeys(s.LinkKeys)
	if err != nil {
		return nil, fmt.Errorf("IMGD_LINK_KEYS: %w", err)
	}
	return keys, nil
}

// publicBuckets reads what anybody may read.
func (s *Settings) publicBuckets() (access.PublicBuckets, error) {
	public, err := access.NewPublicBuckets(s.PublicBuckets)
	if err != nil {
		return nil, fmt.Errorf("IMGD_PUBLIC_BUCKETS: %w", err)
	}
	return public, nil
}

// sharing is what may be read without a token, as it is in force.
type sharing struct {
	keys   atomic.Pointer[access.LinkKeys]
	public atomic.Pointer[access.PublicBuckets]
}

// load puts what the settings say in force, all of it or nothing.
func (h *sharing) load(s *Settings) error {
	keys, wrongKeys := s.linkKeys()
	public, wrongBuckets := s.publicBuckets()
	if err := errors.Join(wrongKeys, wrongBuckets); err != nil {
		return err
	}
	h.keys.Store(&keys)
	h.public.Store(&public)
	return nil
}

func (h *sharing) linkKeys() access.LinkKeys           { return current(&h.keys) }
func (h *sharing) publicBuckets() access.PublicBuckets { return current(&h.public) }

func current[T any](p *atomic.Pointer[T]) (now T) {
	if loaded := p.Load(); loaded != nil {
		now = *loaded
	}
	return now
}

// renewSharing rotates and revokes keys of links, and opens and closes buckets.
func (p *parts) renewSharing(s *Settings) ([]any, error) {
	if err := p.sharing.load(s); err != nil {
		return nil, err
	}
	var names []string
	for _, k := range p.sharing.linkKeys() {
		names = append(names, k.ID)
	}
	return []any{"link_keys", names, "public_buckets", s.PublicBuckets}, nil
}
