//go:build !race

package decode_test

// maxGo are the threads of Go: two run its code, one watches, one calls libvips to
// draw and two to encode; some are left over from calls.
const maxGo = 9
