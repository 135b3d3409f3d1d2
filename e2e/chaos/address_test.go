package chaos

import "sync/atomic"

// address is where the API is now, as a balancer would know it.
type address struct{ url atomic.Value }

func (a *address) is(url string) { a.url.Store(url) }
func (a *address) get() string   { return a.url.Load().(string) }
