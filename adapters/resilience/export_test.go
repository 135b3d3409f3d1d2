package resilience

// Free counts the permits that nobody has, by taking them all.
func (b *Bulkhead) Free() (n int) {
	for b.permits.TryAcquirePermit() {
		n++
	}
	for range n {
		b.permits.ReleasePermit()
	}
	return n
}
