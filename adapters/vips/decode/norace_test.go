//go:build !race

package decode_test

// maxThreads does not grow with the machine: some eight are Go's, one is the
// allocator's; libvips keeps one for each of the pipelines that stand behind each
// other, and the encoder of AV1 has six. Most of them wait.
const (
	maxThreads = 24
	raced      = false
)
