package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"imgd/adapters/redis"
	"imgd/core"
	"imgd/e2e/rig"
)

func id(n int) core.ID { return core.ID(fmt.Sprintf("01900000-0000-7000-8000-%012x", n)) }

func pop(t *testing.T, c *redis.Client, patience time.Duration) (core.ID, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	return redis.Queue{Client: c}.Pop(ctx)
}

// raw speaks to the server past the adapter.
func raw(t *testing.T, url string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	c := goredis.NewClient(o)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestAnAddressThatIsNoneIsRefusedWithoutRepeatingIt(t *testing.T) {
	for _, address := range []string{
		"", "localhost:6379", "http://u:hunter2@localhost", "redis://", "redis://u:hunter2@%zz", "redis://u:hunter2@localhost/zero",
		"redis://u:hunter2@localhost/0?pool_size=1", "redis+cluster://u:hunter2@localhost/3", "redis+cluster://u:hunter2@localhost?read_timeout=1",
		"redis://u:hunter2@localhost:port",
	} {
		_, err := redis.Open(t.Context(), address)
		if core.KindOf(err) != core.Invalid {
			t.Errorf("Open(%q) = %v, want Invalid", address, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q) = %v, which tells the password", address, err)
		}
	}
}

func TestAServerThatIsAwayIsNoReasonNotToStart(t *testing.T) {
	for _, address := range []string{"redis://127.0.0.1:1", "rediss://127.0.0.1:1", "redis+cluster://127.0.0.1:1?addr=127.0.0.1:2"} {
		c := open(t, address, "imgd")
		if err := c.Ping(t.Context()); core.KindOf(err) != core.Unavailable {
			t.Errorf("Ping of %s = %v, want Unavailable", address, err)
		}
	}
}

func TestAWrongPasswordIsToldAtOnce(t *testing.T) {
	u, err := url.Parse(rig.NewRedis(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("", "guessed")
	if _, err := redis.Open(t.Context(), u.String()); core.KindOf(err) != core.Internal {
		t.Errorf("Open with a wrong password = %v, want an error that trying again does not mend", err)
	}
}

func TestTheListOfHintsIsBoundedAndTheOldestComeFirst(t *testing.T) {
	address := rig.Redis(t)
	c, server := open(t, address, "imgd"), raw(t, address)
	crowd := make([]any, 10_000)
	for i := range crowd {
		crowd[i] = string(id(i))
	}
	if err := server.LPush(t.Context(), "imgd:{jobs}", crowd...).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := (redis.Queue{Client: c}).Push(t.Context(), id(10_000+i)); err != nil {
			t.Fatal(err)
		}
	}
	if n := server.LLen(t.Context(), "imgd:{jobs}").Val(); n != 10_000 {
		t.Errorf("the list has %d hints, want 10000", n)
	}
	if got, err := pop(t, c, 5*time.Second); got != id(3) || err != nil {
		t.Errorf("Pop = %q, %v, want %q, the oldest that has room", got, err, id(3))
	}
}

func TestWhatWasNeverAnIDIsThrownAway(t *testing.T) {
	address := rig.Redis(t)
	c, server := open(t, address, "imgd"), raw(t, address)
	rubbish := []any{"", "x", strings.Repeat("a", 1<<20), "../../etc/passwd", string(id(1)) + "\n", "'; DROP TABLE jobs; --", string(id(7))}
	if err := server.LPush(t.Context(), "imgd:{jobs}", rubbish...).Err(); err != nil {
		t.Fatal(err)
	}
	if got, err := pop(t, c, 5*time.Second); got != id(7) || err != nil {
		t.Errorf("Pop behind rubbish = %q, %v, want %q", got, err, id(7))
	}
	if n := server.LLen(t.Context(), "imgd:{jobs}").Val(); n != 0 {
		t.Errorf("%d pieces of rubbish are left, want none", n)
	}
	heard := make(chan core.ID, 10)
	ctx, cancel := context.WithCancel(t.Context())
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		_ = redis.Cancels{Client: c}.Listen(ctx, func(id core.ID) { heard <- id })
	}()
	defer func() { cancel(); <-listening }()
	for len(heard) == 0 { // until the subscription stands
		for _, r := range rubbish {
			if err := server.Publish(t.Context(), "imgd:{cancels}", r).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := <-heard; got != id(7) {
		t.Errorf("among rubbish %q was heard first, want %q", got, id(7))
	}
}

func TestAKeyOfAnotherTypeIsNotAnOutage(t *testing.T) {
	address := rig.Redis(t)
	c, server := open(t, address, "imgd"), raw(t, address)
	if err := server.Set(t.Context(), "imgd:{jobs}", "no list", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if err := (redis.Queue{Client: c}).Push(t.Context(), id(1)); core.KindOf(err) != core.Internal {
		t.Errorf("Push on a key of another type = %v, want Internal", err)
	}
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("Ping = %v, want nil", err)
	}
}

func TestALimitIsForgottenWhenNothingIsOwed(t *testing.T) {
	address := rig.Redis(t)
	c, server := open(t, address, "imgd"), raw(t, address)
	if _, err := (redis.Limits{Client: c}).Take(t.Context(), "ann", core.Rate{Limit: 10, Per: time.Second}, 1); err != nil {
		t.Fatal(err)
	}
	keys := server.Keys(t.Context(), "*").Val()
	if !slices.Equal(keys, []string{"rate:imgd:{rate:ann}"}) {
		t.Fatalf("the keys are %q, want one of ours", keys)
	}
	if ttl := server.TTL(t.Context(), keys[0]).Val(); ttl <= 0 || ttl > time.Second {
		t.Errorf("the key lives for %s, want up to a second", ttl)
	}
}

func TestAfterCloseEverythingIsUnavailable(t *testing.T) {
	c := open(t, rig.Redis(t), "imgd")
	popping := make(chan error, 1)
	go func() { _, err := pop(t, c, time.Minute); popping <- err }()
	listening := make(chan error, 1)
	go func() { listening <- redis.Cancels{Client: c}.Listen(t.Context(), func(core.ID) {}) }()
	time.Sleep(100 * time.Millisecond)
	began := time.Now()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"a waiting Pop":    <-popping,
		"a waiting Listen": <-listening,
		"Push":             redis.Queue{Client: c}.Push(t.Context(), id(1)),
		"Announce":         redis.Cancels{Client: c}.Announce(t.Context(), id(1)),
		"Listen":           redis.Cancels{Client: c}.Listen(t.Context(), func(core.ID) {}),
	} {
		if core.KindOf(err) != core.Unavailable {
			t.Errorf("%s = %v, want Unavailable", name, err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("closing took %s with a Pop and a Listen waiting, want them to end at once", took)
	}
}

func TestPopsThatWaitHoldNobodyUpAndLeaveNothingBehind(t *testing.T) {
	address := rig.Redis(t)
	c, server := open(t, address, "imgd"), raw(t, address)
	ctx, cancel := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() {
			if got, err := (redis.Queue{Client: c}).Pop(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("Pop = %q, %v, want to be cancelled", got, err)
			}
		})
	}
	time.Sleep(300 * time.Millisecond)
	for range 20 { // each has only its budget
		if _, err := (redis.Limits{Client: c}).Take(t.Context(), "ann", core.Rate{Limit: 100, Per: time.Hour}, 1); err != nil {
			t.Errorf("Take while 100 Pops wait = %v", err)
		}
	}
	cancel()
	readers.Wait()
	for range 20 { // as an idle worker looks
		if got, err := pop(t, c, 50*time.Millisecond); err == nil {
			t.Errorf("Pop = %q of an empty queue", got)
		}
	}
	time.Sleep(1200 * time.Millisecond) // the last of the 100 have been answered
	clients := strings.Count(server.Do(t.Context(), "CLIENT", "LIST").String(), "db="+strconv.Itoa(server.Options().DB)+" ")
	if clients > 30 {
		t.Errorf("%d connections are open after 100 Pops are gone, want a few", clients)
	}
}
