// Package core is the vocabulary of imgd: its nouns, how they change, and what
// can go wrong. It imports the standard library and nothing else, so that
// ports, use cases and adapters can all speak it.
package core
