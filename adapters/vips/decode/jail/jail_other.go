//go:build !linux

package jail

import "imgd/adapters/vips/wire"

// Lock says that there is no jail on this system.
func Lock() wire.Jail {
	return wire.Jail{Missing: []string{"landlock and seccomp: only Linux has them"}}
}

// Acts are none: there is nothing that would forbid them.
func Acts() []Act { return nil }

// CloseInherited does nothing: the parent marks what it opens.
func CloseInherited(int) error { return nil }
