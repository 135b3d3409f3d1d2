// Package jail takes from a decoder child what decoding does not need, for good:
// files, networks, other processes, and every system call that is not on a short
// list. It then has the child try to get out.
//
// There are two layers, and each would do by itself for most of it. Landlock
// forbids what is on the other side of a system call: files, ports, processes.
// The filter forbids the call. A decoder that was taken over has to find a hole in
// both.
package jail

// The layers.
const (
	Landlock = "landlock"
	Seccomp  = "seccomp"
)

// Act is something a decoder never does, and must not be able to do. Try returns
// nil when it succeeded.
type Act struct {
	Name string
	Try  func() error
}

// Attempt tries acts and returns the names of those that succeeded.
func Attempt(acts []Act) (allowed []string) {
	for _, a := range acts {
		if a.Try() == nil {
			allowed = append(allowed, a.Name)
		}
	}
	return allowed
}
