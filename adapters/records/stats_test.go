package records

import (
	"fmt"
	"testing"
	"time"

	"imgd/core"
)

func TestQuantilesTakeTheNearestRank(t *testing.T) {
	for n, want := range map[int]core.Quantiles{0: {}, 1: {P50: 1, P95: 1}, 2: {P50: 1, P95: 2}, 3: {P50: 2, P95: 3}, 20: {P50: 10, P95: 19}, 100: {P50: 50, P95: 95}, 101: {P50: 51, P95: 96}} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var d []time.Duration
			for i := range n {
				d = append(d, time.Duration(n-i))
			}
			if got := quantiles(d); got != want {
				t.Errorf("of 1 to %d they are %+v, want %+v", n, got, want)
			}
		})
	}
}
