package authzen

// Known is how many answers are remembered.
func (c *Cache) Known() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known)
}
