package token

// UnderWay reports whether somebody is asked for keys.
func (d *Discovered) UnderWay() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.under != nil
}
