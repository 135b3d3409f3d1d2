// Package structure judges an image file by its bytes alone, before any decoder
// sees it: Sniff names the format by its magic bytes, Walk follows the file's
// structure from end to end without decoding a pixel.
//
// Both expect a hostile file. Time is bounded by the file's size, memory by a
// window of 64 KiB and a few counters, whatever the lengths inside it claim.
package structure
