package memory

// Keys counts what is remembered.
func (l *Limits) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.full)
}
