package rig_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/e2e/rig"
)

func TestWaitingCountsInFullOnABusyMachine(t *testing.T) {
	var busy sync.WaitGroup
	var stop atomic.Bool
	for range 4 * runtime.NumCPU() {
		busy.Go(func() {
			for !stop.Load() {
				continue
			}
		})
	}
	got := rig.Timed(func() { time.Sleep(300 * time.Millisecond) })
	stop.Store(true)
	busy.Wait()
	if got > 350*time.Millisecond {
		t.Errorf("a wait of 300 ms on a busy machine took %s by this clock", got)
	}
	if got := rig.Timed(func() { time.Sleep(300 * time.Millisecond) }); got < 200*time.Millisecond || got > 350*time.Millisecond {
		t.Errorf("a wait of 300 ms took %s by this clock", got)
	}
}
