package disk

// Named lets b give every file a name from its beginning, as on a file system that
// cannot do without.
func Named(b *Blobs) *Blobs {
	b.nameless = false
	return b
}
