// Package portstest holds the contracts of the ports: one exported function a
// port, which every adapter and every decorator passes, wrappers that break
// things on purpose, and the one fake renderer.
package portstest
