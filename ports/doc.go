// Package ports names what the core needs from the outside world. Each comment
// is a promise that callers may rely on, and portstest holds every adapter and
// decorator to it.
//
// Unless a method says otherwise: an error has a kind (core.KindOf); Unavailable
// means that trying again may work; a cancelled context ends the call soon and
// leaves either everything or nothing of it; methods may be called at once from
// many goroutines. Times are UTC in microseconds.
package ports
