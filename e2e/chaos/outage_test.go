package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/rig"
)

// What an outage may take: to be seen, to be answered once it is shed and before that,
// and to be over once it has ended.
const (
	toShow    = 5 * time.Second
	toShed    = 2 * time.Second
	toAnswer  = 5 * time.Second
	toRecover = 10 * time.Second
	slack     = 500 * time.Millisecond // of a busy machine
)

// dependency is something the service needs, behind a link.
type dependency struct {
	name  string // as readiness has it
	link  *rig.Link
	shed  bool // whether requests that need it are refused; without it they are served
	ask   func(who int) (caller.Answer, error)
	start func() *caller.Caller // of the process that is watched, when the outage has begun
}

// fault is what befalls a link, and how many callers find out.
type fault struct {
	name    string
	begin   func(*rig.Link)
	end     func(*rig.Link)
	callers int
	pause   time.Duration // of each of them, after an answer
}

var (
	hang   = fault{"does not answer", (*rig.Link).HalfOpen, (*rig.Link).Clear, 4, 20 * time.Millisecond}
	refuse = fault{"refuses connections", (*rig.Link).Down, (*rig.Link).Up, 4, 20 * time.Millisecond}
	// late is longer than anybody waits for an answer, and there are more callers than may
	// wait at once: IMGD_STORE_CALLS, IMGD_POLICY_CALLS.
	late = fault{"is 5 s late", func(l *rig.Link) { l.Latency(5 * time.Second) }, (*rig.Link).Clear, 100, time.Second}
)

// outage is what was seen of one.
type outage struct {
	dependency                          string
	fault                               fault
	shown, shed, slowest, answer, again time.Duration // shed: who came later was answered soon
	crowded                             int           // who was refused because so many waited already
}

func (o outage) String() string {
	round := func(d time.Duration) string {
		if d == 0 {
			return "-"
		}
		return d.Round(10 * time.Millisecond).String()
	}
	return fmt.Sprintf("| %-14s | %-19s | %7d | %8s | %8s | %8s | %8s | %8s | %7d |", o.dependency, o.fault.name, o.fault.callers,
		round(o.shown), round(o.shed), round(o.slowest), round(o.answer), round(o.again), o.crowded)
}

// missing reports whether readiness says that a dependency is away.
func missing(c *caller.Caller, t *testing.T, name string) bool {
	t.Helper()
	a, err := c.Do(within(t, 10*time.Second), http.MethodGet, "/readyz", "", nil)
	var body struct {
		Checks []struct {
			Name string
			OK   bool
		}
	}
	if err != nil || json.Unmarshal(a.Body, &body) != nil {
		return false
	}
	for _, check := range body.Checks {
		if check.Name == name {
			return !check.OK
		}
	}
	return false
}

// crowded is how many calls of a dependency a process has refused because as many as may
// were under way.
func crowded(t *testing.T, c *caller.Caller, name string, admin []string) (n int) {
	t.Helper()
	a, err := c.Do(within(t, 10*time.Second), http.MethodGet, "/metrics", "", nil, admin...)
	if err != nil || a.Status != http.StatusOK {
		t.Fatalf("the metrics are %d, %v", a.Status, err)
	}
	for line := range strings.Lines(string(a.Body)) {
		_, _ = fmt.Sscanf(line, "imgd_bulkhead_refusals_total{dependency="+strconv.Quote(name)+"} %d", &n)
	}
	return n
}

// reply is one answer during an outage.
type reply struct {
	at, took time.Duration // since the outage began, until the answer
	caller.Answer
}

// Each dependency is lost in turn. The loss shows, whoever needs it is told when to come
// again, nobody else is held up, all is well soon after it is back, and at the end every
// upload that was accepted is done. What many may wait for at once is late while a hundred
// callers upload, the rest hangs; with IMGD_TEST_ALL_POINTS each hangs, and refuses
// connections too.
func TestEveryDependencyIsLostInTurn(t *testing.T) {
	bucket := rig.S3(t)
	store := rig.Proxy(t, bucket.Endpoint[len("http://"):])
	bucket.Endpoint = store.Through(bucket.Endpoint)
	provider := rig.OIDC(t)
	issuer := rig.Proxy(t, provider.Issuer[len("http://"):])
	provider.Issuer = issuer.Through(provider.Issuer)
	point := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"decision":true}`)
	}))
	t.Cleanup(point.Close)
	policy := rig.Proxy(t, point.Listener.Addr().String())
	hints := rig.Redis(t)
	redis := rig.Proxy(t, strings.Split(strings.Split(hints, "@")[1], "/")[0])
	site := rig.NewProduction(t, shipped, "IMGD_LOG_LEVEL=error", "IMGD_UPLOAD_RATE=off", "IMGD_STORAGE_URL="+bucket.URL(),
		"AWS_ACCESS_KEY_ID="+bucket.AccessKey, "AWS_SECRET_ACCESS_KEY="+bucket.SecretKey, "IMGD_REDIS_URL="+redis.Through(hints))
	far, database := distant(t, site)
	site.Env = append(site.Env, far)
	outside := []string{"IMGD_AUTH_OIDC_ISSUERS=" + provider.Issuer, "IMGD_AUTH_AUDIENCE=" + provider.Audience, "IMGD_POLICY_URL=http://" + policy.Addr, "IMGD_POLICY_ALLOW=0s"}
	client := caller.At(site.Start(t, "api", outside...).URL)
	site.Start(t, "worker", "IMGD_WORKERS=1")
	token := []string{"Authorization", "Bearer " + provider.Token(t, "images:read", "images:write")}
	admin := []string{"Authorization", "Bearer " + provider.Token(t, "images:admin")}
	small := picture(t, 64, 64)
	var mu sync.Mutex
	var ids []string
	// Each caller has a bucket, so that the decision point is asked for each of them.
	upload := func(who int) (caller.Answer, error) {
		a, err := client.Do(within(t, time.Minute), http.MethodPost, fmt.Sprintf("/v1/images?bucket=b%d", who), "image/jpeg", small, token...)
		var j caller.Job
		if err == nil && a.Status == http.StatusAccepted && json.Unmarshal(a.Body, &j) == nil {
			mu.Lock()
			defer mu.Unlock()
			ids = append(ids, j.ID)
		}
		return a, err
	}
	list := func(c *caller.Caller) (caller.Answer, error) {
		return c.Do(within(t, time.Minute), http.MethodGet, "/v1/images?limit=1", "", nil, token...)
	}
	eventually(t, "warm", time.Minute, func() bool { a, err := upload(0); return err == nil && a.Status == http.StatusAccepted })
	watched := client
	known := func() *caller.Caller { return client }
	// An API that knows its issuer's keys does not need it; one that starts does.
	newcomer := func() *caller.Caller {
		c := caller.At(site.Start(t, "api", outside...).URL)
		if a, err := list(client); err != nil || a.Status != http.StatusOK {
			t.Errorf("without the issuer an API that knows its keys answers %d %s, %v; want 200", a.Status, a.Body, err)
		}
		return c
	}
	lists := func(int) (caller.Answer, error) { return list(watched) }
	all := []dependency{
		{"database", database, true, lists, known},
		{"store", store, true, upload, known},
		{"redis", redis, false, upload, known},
		{"decision point", policy, true, upload, known},
		{"issuers", issuer, true, lists, newcomer},
	}
	faults := func(d dependency) []fault {
		few := slices.Contains([]string{"database", "issuers"}, d.name)
		switch everything := os.Getenv("IMGD_TEST_ALL_POINTS") != ""; {
		case everything && few:
			return []fault{hang, refuse}
		case everything:
			return []fault{hang, refuse, late}
		case few:
			return []fault{hang}
		}
		return []fault{late}
	}
	table := []string{"| dependency     | fault               | callers | shows    | shed     | slowest  | answer   | back     | crowded |"}
	for _, d := range all {
		for _, f := range faults(d) {
			t.Run(d.name+" "+f.name, func(t *testing.T) {
				f.begin(d.link)
				watched = d.start()
				o := outage{dependency: d.name, fault: f}
				before := crowded(t, client, d.name, admin)
				o.lose(t, d, watched)
				f.end(d.link)
				o.again = eventually(t, "well again", 30*time.Second, func() bool {
					a, err := d.ask(0)
					return err == nil && a.Status < 300 && !missing(watched, t, d.name)
				})
				o.crowded = crowded(t, client, d.name, admin) - before
				o.judge(t, d)
				table = append(table, o.String())
			})
		}
	}
	t.Log("\n" + strings.Join(table, "\n"))
	for _, id := range ids {
		a, err := client.Insist(within(t, time.Minute), http.MethodGet, "/v1/jobs/"+id+"?wait=20", "", nil, token...)
		var j caller.Job
		if err != nil || json.Unmarshal(a.Body, &j) != nil || j.State != "succeeded" {
			t.Errorf("the upload of the job %s was accepted; now it is %s, %v", id, a.Body, err)
		}
	}
	t.Logf("%d uploads were accepted meanwhile, and all of them are done", len(ids))
}

// lose watches an outage for as long as it may take to be shed, and a little longer.
func (o *outage) lose(t *testing.T, d dependency, watched *caller.Caller) {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var replies []reply
	for who := range o.fault.callers {
		wg.Go(func() {
			for time.Since(began) < toShow+time.Second {
				at := time.Now()
				a, err := d.ask(who)
				if err != nil {
					t.Errorf("without the %s a request is not answered: %v", d.name, err)
				}
				mu.Lock()
				replies = append(replies, reply{at.Sub(began), time.Since(at), a})
				mu.Unlock()
				time.Sleep(o.fault.pause)
			}
		})
	}
	wg.Go(func() {
		for time.Since(began) < toShow+2*time.Second && o.shown == 0 {
			if missing(watched, t, d.name) {
				o.shown = time.Since(began)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	wg.Wait()
	slices.SortFunc(replies, func(a, b reply) int { return int(a.at - b.at) })
	for _, r := range replies {
		o.slowest = max(o.slowest, r.took)
		if !d.shed {
			if r.Status != http.StatusAccepted {
				t.Errorf("without the %s a request is answered %d %s, want 202", d.name, r.Status, r.Body)
			}
			continue
		}
		if r.Status != http.StatusServiceUnavailable || r.RetryAfter() <= 0 {
			t.Errorf("without the %s a request is answered %d %s with %v, want 503 and when to come again", d.name, r.Status, r.Body, r.Header)
		}
		switch {
		case r.took > toShed+slack: // it was not shed yet
			o.shed, o.answer = r.at, 0
		case r.at >= o.shed:
			o.answer = max(o.answer, r.took)
		}
	}
}

func (o *outage) judge(t *testing.T, d dependency) {
	t.Helper()
	if o.shown == 0 || o.shown > toShow+slack {
		t.Errorf("the loss of the %s shows after %s, want %s at most", d.name, o.shown, toShow)
	}
	if o.slowest > toAnswer+slack || !d.shed && o.slowest > toShed {
		t.Errorf("without the %s the slowest answer takes %s", d.name, o.slowest)
	}
	if d.shed && (o.answer == 0 || o.answer > toShed+slack || o.shed > toShow+slack) {
		t.Errorf("without the %s requests are shed from %s on, in %s at most; want that within %s, in %s", d.name, o.shed, o.answer, toShow, toShed)
	}
	if crowd := o.fault.callers > 64; crowd && d.shed && o.crowded == 0 {
		t.Errorf("%d callers at once, of a %s that %s, and nobody was refused because too many waited already", o.fault.callers, d.name, o.fault.name)
	}
	if o.again > toRecover {
		t.Errorf("after the %s is back all is well again after %s, want %s at most", d.name, o.again, toRecover)
	}
}
