package rest_test

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/adapters/memory"
	"imgd/adapters/records"
	"imgd/adapters/rest"
	"imgd/core"
	"imgd/ports"
	"imgd/ports/portstest"
)

// limited has a rate of uploads.
func limited(l ports.Limits, r rest.Rates) func(*rest.Server) {
	return func(s *rest.Server) { s.Limits, s.Rates = l, func() rest.Rates { return r } }
}

var fiftyAnHour = rest.Rates{Uploads: core.Rate{Limit: 50, Per: time.Hour}}

// rush has many upload in the same moment, and counts their answers by status.
func (s *street) rush(t *testing.T, many int) map[int]int {
	t.Helper()
	var (
		mu      sync.Mutex
		done    sync.WaitGroup
		barrier = make(chan struct{})
		got     = map[int]int{}
	)
	for i := range many {
		body := portstest.FakeImage(10, 10, strconv.Itoa(i))
		done.Go(func() {
			<-barrier
			a := s.ask(t, "POST", "/v1/images", body, "Content-Type", "image/png")
			mu.Lock()
			defer mu.Unlock()
			got[a.StatusCode]++
		})
	}
	close(barrier)
	done.Wait()
	return got
}

func TestOfTwoHundredUploadsAtOnceFiftyAreTaken(t *testing.T) {
	s := open(t, limited(memory.NewLimits(100), fiftyAnHour))
	if got := s.rush(t, 200); got[202] != 50 || got[429] != 150 {
		t.Errorf("200 uploads at a limit of 50 were answered %v, want 50 of 202 and 150 of 429", got)
	}
}

// hasty reads how much was taken, then writes it.
type hasty struct {
	mu   sync.Mutex
	used int
}

func (c *hasty) Take(_ context.Context, _ string, r core.Rate, n int) (core.Allowance, error) {
	c.mu.Lock()
	used := c.used
	c.mu.Unlock()
	runtime.Gosched()
	time.Sleep(time.Millisecond) // as far away as a database
	if used+n > r.AtOnce() {
		return core.Allowance{RetryAfter: time.Second}, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.used = used + n
	return core.Allowance{Allowed: true}, nil
}

func TestALimiterThatRacesIsFoundOutOverHTTP(t *testing.T) {
	s := open(t, limited(&hasty{}, fiftyAnHour))
	if got := s.rush(t, 200); got[202] <= 50 {
		t.Errorf("a limiter that reads and then writes took %d, want more than 50: the test proves nothing", got[202])
	}
}

func TestOfTwoHundredUploadsAtOnceAsManyAreTakenAsTheQuotaHasImages(t *testing.T) {
	s := open(t)
	s.Ingest.Quotas = records.Quotas{DB: s.DB, For: time.Minute, Of: func(string) core.Quota { return core.Quota{Images: 50} }}
	s.Library.Quotas = s.Ingest.Quotas
	if got := s.rush(t, 200); got[202] != 50 || got[403] != 150 {
		t.Errorf("200 uploads at a quota of 50 images were answered %v, want 50 of 202 and 150 of 403", got)
	}
	refused := s.ask(t, "POST", "/v1/images", portstest.FakeImage(10, 10, ""), "Content-Type", "image/png").want(t, 403)
	got := read[struct {
		Quota              string
		Limit, Used, Asked int64
	}](t, refused)
	if refused.slug() != "quota-exceeded" || got.Quota != "images" || got.Limit != 50 || got.Used != 50 || got.Asked != 1 {
		t.Errorf("one more was refused with %s", refused.body)
	}
	stats := read[struct {
		Quota map[string]struct{ Limit, Used int64 }
	}](t, s.get(t, "/v1/stats").want(t, 200))
	if got := stats.Quota["images"]; len(stats.Quota) != 1 || got.Limit != 50 || got.Used != 50 {
		t.Errorf("the stats say %+v, want 50 of 50 images", stats.Quota)
	}
	if keys := s.Keys(t); len(keys) != 50 {
		t.Errorf("the store has %d objects, want those of the 50", len(keys))
	}
}

func TestARefusedUploadGivesItsRoomBack(t *testing.T) {
	s := open(t)
	s.Ingest.Quotas = records.Quotas{DB: s.DB, For: time.Minute, Of: func(string) core.Quota { return core.Quota{Images: 1, Jobs: 1} }}
	for range 3 {
		s.ask(t, "POST", "/v1/images", []byte("no image"), "Content-Type", "image/png").want(t, 415)
	}
	j := s.upload(t, "x")
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"preset":"default","force":true}`), "Content-Type", "application/json").want(t, 403)
	s.run(t)
	s.ask(t, "POST", "/v1/images/"+j.ImageID+"/jobs", []byte(`{"variants":{"a":"w=10"}}`), "Content-Type", "application/json").want(t, 202)
	s.ask(t, "DELETE", "/v1/images/"+j.ImageID, nil).want(t, 204)
	s.upload(t, "y")
}

func TestALimitedUploadSaysWhatIsLeft(t *testing.T) {
	two := rest.Rates{Uploads: core.Rate{Limit: 60, Per: time.Hour, Burst: 2}, Requests: core.Rate{Limit: 100, Per: time.Second}}
	s := open(t, limited(memory.NewLimits(100), two))
	const policy = `"uploads";q=60;w=3600, "requests";q=100;w=1`
	post := func() answer {
		return s.ask(t, "POST", "/v1/images", []byte("no image"), "Content-Type", "image/png")
	}
	first := post().want(t, 415) // refused uploads count too
	if got := first.Header.Get("RateLimit-Policy"); got != policy {
		t.Errorf("RateLimit-Policy is %s, want %s", got, policy)
	}
	if got, want := first.Header.Get("RateLimit"), `"uploads";r=1;t=60, "requests";r=99;t=1`; got != want {
		t.Errorf("RateLimit is %s, want %s", got, want)
	}
	post().want(t, 415)
	third := post().want(t, 429)
	if got := third.Header.Get("Retry-After"); third.slug() != "limited" || got != "60" && got != "59" {
		t.Errorf("the third was answered %s with Retry-After %s, want limited and a minute", third.slug(), got)
	}
	got := read[struct {
		Policy       string
		Limit, Burst int
		Window       int `json:"window_seconds"`
	}](t, third)
	if got.Policy != "uploads" || got.Limit != 60 || got.Burst != 2 || got.Window != 3600 {
		t.Errorf("the problem is %s", third.body)
	}
	if !third.Close {
		t.Error("the connection stays open although nothing was read of the body")
	}
	if got := s.get(t, "/v1/images").want(t, 200).Header.Get("RateLimit-Policy"); got != `"requests";q=100;w=1` {
		t.Errorf("RateLimit-Policy of a list is %s, want that of requests alone", got)
	}
	if got := s.get(t, "/livez").want(t, 200).Header.Get("RateLimit"); got != "" {
		t.Errorf("RateLimit of /livez is %s, want none", got)
	}
}

func TestNobodySpendsWhatIsAnothers(t *testing.T) {
	s := open(t, limited(memory.NewLimits(100), rest.Rates{Uploads: core.Rate{Limit: 2, Per: time.Hour}}))
	post := func(token string) answer {
		return s.ask(t, "POST", "/v1/images", []byte("no image"), "Content-Type", "image/png", "Authorization", token)
	}
	for range 5 {
		post("").want(t, 401)
		post(authorization(t, "Bearer ann")+"x").want(t, 401)
	}
	for _, who := range []string{"Bearer ann", "Bearer writer", "Bearer stranger"} {
		post(who).want(t, 415)
		post(who).want(t, 415)
		post(who).want(t, 429)
	}
}

func TestReadersWithoutATokenAreCountedBeforeTheRecordsAreAsked(t *testing.T) {
	public, reopen := opening(t, "acme/press")
	keys, _ := signing(t, keyOne)
	s := open(t, public, keys, limited(memory.NewLimits(100), rest.Rates{Requests: core.Rate{Limit: 3, Per: time.Hour}}), behindAnybody)
	id, _ := s.in(t, "press")
	link := s.links(t, id, `{"variants":["medium"]}`)[0].URL
	paths := []string{"/v1/images/" + id + "/variants/medium", "/v1/images/" + nobody + "/variants/medium", link}
	var asked atomic.Int64
	s.DB.Engine = records.Counted(s.DB.Engine, &asked)
	from := func(path, address string) answer { return s.bare(t, path, "X-Forwarded-For", address) }
	for i, status := range []int{200, 401, 200} {
		from(paths[i], "192.0.2.1").want(t, status)
	}
	before := asked.Load()
	for range 5 {
		for _, p := range paths {
			from(p, "192.0.2.1").want(t, 429)
			from(p, "::ffff:192.0.2.1").want(t, 429) // who is the same
		}
	}
	if got := asked.Load() - before; before == 0 || got != 0 {
		t.Errorf("readers over their rate had the records asked %d times, and those within %d times", got, before)
	}
	from(paths[0], "192.0.2.2").want(t, 200) // who is somebody else
	reopen()
	from(paths[0], "192.0.2.3").want(t, 401)
	if got := from(paths[0], "192.0.2.3").want(t, 401).Header.Get("RateLimit"); got != "" {
		t.Errorf("where nothing is public RateLimit is %s: strangers are counted", got)
	}
}

func TestAReaderWithManyAddressesOfOneNetworkIsCountedOnce(t *testing.T) {
	public, _ := opening(t, "acme/press")
	s := open(t, public, limited(memory.NewLimits(100), rest.Rates{Requests: core.Rate{Limit: 4, Per: time.Hour}}), behindAnybody)
	id, _ := s.in(t, "press")
	from := func(address string) answer {
		return s.bare(t, "/v1/images/"+id+"/variants/medium", "X-Forwarded-For", address)
	}
	for _, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff:ffff:ffff:ffff", "[2001:db8::3]:4711"} {
		from(address).want(t, 200)
	}
	from("2001:db8::4").want(t, 429)
	from("2001:db8:0:0:1::").want(t, 429)
	from("2001:db8:0:1::1").want(t, 200) // of the next network
}

// behindAnybody believes whoever asks on whose behalf that is.
func behindAnybody(s *rest.Server) {
	s.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

// gone are limits that cannot be asked.
type gone struct{}

func (gone) Take(context.Context, string, core.Rate, int) (core.Allowance, error) {
	return core.Allowance{}, core.Unavailable.Errorf("requests cannot be counted at the moment; try again").After(time.Second).Because(errors.New("127.0.0.1 is gone"))
}

func TestWhoCannotBeCountedIsNotLetIn(t *testing.T) {
	s := open(t, limited(gone{}, fiftyAnHour))
	if a := s.ask(t, "POST", "/v1/images", []byte("x"), "Content-Type", "image/png").want(t, http.StatusServiceUnavailable); a.Header.Get("Retry-After") != "1" {
		t.Errorf("Retry-After is %q, want 1", a.Header.Get("Retry-After"))
	}
	s.get(t, "/v1/images").want(t, 200) // is not limited
}
