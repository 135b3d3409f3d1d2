package telemetry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// timing adds up what a request has waited for, by whom it has waited for.
type timing struct {
	began time.Time

	mu   sync.Mutex
	list []spent
}

type spent struct {
	on   string
	time time.Duration
}

type timingKey struct{}

func spend(ctx context.Context, on string, d time.Duration) {
	t, ok := ctx.Value(timingKey{}).(*timing)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	i := slices.IndexFunc(t.list, func(s spent) bool { return s.on == on })
	if i < 0 {
		t.list = append(t.list, spent{on, d})
		return
	}
	t.list[i].time += d
}

// Timing is what the Server-Timing header says (W3C Server Timing): how long the request
// of ctx has taken until now, and what of it each part of the service has, in
// milliseconds. Parts that work side by side may have more than the whole.
func Timing(ctx context.Context) string {
	t, ok := ctx.Value(timingKey{}).(*timing)
	if !ok {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "total;dur=%.1f", milliseconds(time.Since(t.began)))
	for _, s := range t.list {
		fmt.Fprintf(&b, ", %s;dur=%.1f", s.on, milliseconds(s.time))
	}
	return b.String()
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
