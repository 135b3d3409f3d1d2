package redis

// Dialed is how many connections were made for what is to be answered at once.
func Dialed(c *Client) uint32 { return c.quick.PoolStats().Misses }
