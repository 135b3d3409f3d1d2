package core

import "slices"

// Usage is what a tenant has, or what a request would add to it.
type Usage struct {
	Images int64
	Bytes  int64 // of originals
	Jobs   int64 // that wait
}

// Plus is both together.
func (u Usage) Plus(v Usage) Usage {
	return Usage{u.Images + v.Images, u.Bytes + v.Bytes, u.Jobs + v.Jobs}
}

// Quota is the most a tenant may have of each; zero is no limit.
type Quota Usage

// None reports whether nothing is limited.
func (q Quota) None() bool { return q == Quota{} }

// Share is one thing that a quota counts.
type Share struct {
	Name        string
	Limit, Used int64
}

// Shares are what q limits, with how much of it is used.
func (q Quota) Shares(used Usage) []Share {
	all := []Share{{"images", q.Images, used.Images}, {"bytes", q.Bytes, used.Bytes}, {"jobs", q.Jobs, used.Jobs}}
	return slices.DeleteFunc(all, func(s Share) bool { return s.Limit == 0 })
}

// words says what a share counts.
var words = map[string]string{"images": "images", "bytes": "bytes of originals", "jobs": "jobs that wait"}

// Check refuses what does not fit beside what is used.
func (q Quota) Check(used, asked Usage) error {
	for _, s := range q.Shares(used) {
		more := map[string]int64{"images": asked.Images, "bytes": asked.Bytes, "jobs": asked.Jobs}[s.Name]
		if more == 0 || s.Used+more <= s.Limit {
			continue
		}
		return QuotaExceeded.Errorf("the tenant may have %d %s; it has %d, and this takes up to %d more", s.Limit, words[s.Name], s.Used, more).
			With("quota", s.Name).With("limit", s.Limit).With("used", s.Used).With("asked", more)
	}
	return nil
}
