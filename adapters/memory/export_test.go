package memory

// Keys counts what is remembered.
func (l *Limits) Keys() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.full)
}

// Callers counts who is remembered.
func (s *Refusals) Callers() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.spells)
}
