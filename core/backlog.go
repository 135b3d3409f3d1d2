package core

import "time"

// Backlog is what a new job would wait behind, as far as it was counted: the jobs of
// callers that are due, the oldest first.
type Backlog struct {
	Waiting int64
	Oldest  time.Duration // for how long the first of them has been due
	// Newest is when the last of those counted became due, in microseconds of the
	// database's clock: what the next count may ask about.
	Newest int64
	Marked int64 // of those, how many were due at the mark that was asked about
}

// Admission says whether new jobs are taken.
type Admission struct {
	Open    bool
	Waiting int64         // jobs, as far as they are counted
	Wait    time.Duration // that a new job has to expect, as far as it can be told
	Limit   time.Duration // of it; 0 for none
	Refused int64         // by this process, since its start
}
