package storm

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"imgd/e2e/ledger"
)

const (
	rhythm = 1500 * time.Millisecond // from the end of a fault to the next
	after  = 60 * time.Second        // by when all has to be done after the last one
)

// length is how long it storms: IMGD_TEST_STORM, or a minute.
func length(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("IMGD_TEST_STORM")
	if text == "" {
		return time.Minute
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("IMGD_TEST_STORM is %q; write 3m or 90s", text)
	}
	return d
}

// outcome is what a storm has come to.
type outcome struct {
	load    *load
	town    *town
	quiet   time.Duration  // from the last fault until all was done
	tally   map[string]int // events
	balance ledger.Balance
	wrong   []string
}

// weathered has a town live through a storm and counts its losses.
func weathered(t *testing.T, bin string, seed uint64, d time.Duration, among []fault, large bool) *outcome {
	t.Helper()
	w := found(t, bin, seed)
	ctx, cancel := context.WithTimeout(t.Context(), d+10*time.Minute)
	defer cancel()
	l := begin(ctx, w, seed, large)
	time.Sleep(rhythm)
	for began := time.Now(); time.Since(began) < d; time.Sleep(rhythm) {
		w.strike(among)
	}
	last := time.Now()
	l.end()
	o := &outcome{load: l, town: w, wrong: l.wrong}
	_, err := w.books.Quiet(ctx, after-time.Since(last))
	o.note(err)
	o.quiet = time.Since(last)
	o.look(ctx)
	return o
}

// look compares what was sent with what is there.
func (o *outcome) look(ctx context.Context) {
	o.wrong = append(o.wrong, ledger.Check(ctx, o.load.client, o.load.sent)...)
	stories, err := o.town.books.Stories(ctx)
	o.note(err)
	o.tally = ledger.Tally(stories)
	for job, events := range stories {
		if wrong := ledger.Trespass(events); wrong != "" {
			o.wrong = append(o.wrong, fmt.Sprintf("job %s: %s: %v", job, wrong, events))
		}
	}
	o.count(ctx, "images", "SELECT count(*) FROM images", len(o.load.sent))
	o.count(ctx, "jobs", "SELECT count(*) FROM jobs", len(o.load.sent))
	o.count(ctx, "jobs that succeeded", "SELECT count(*) FROM jobs WHERE state = 'succeeded'", len(o.load.sent))
	o.count(ctx, "jobs that are dead", "SELECT count(*) FROM jobs WHERE state = 'dead'", 0)
	o.balance, err = o.town.books.Balance(ctx)
	o.note(err)
	if len(o.balance.Missing) > 0 {
		o.wrong = append(o.wrong, fmt.Sprintf("rows need %v, which the store has not", o.balance.Missing))
	}
	o.note(o.town.books.Clean(ctx))
}

func (o *outcome) note(err error) {
	if err != nil {
		o.wrong = append(o.wrong, err.Error())
	}
}

func (o *outcome) count(ctx context.Context, what, query string, want int) {
	n, err := o.town.books.Count(ctx, query)
	o.note(err)
	if n != want {
		o.wrong = append(o.wrong, fmt.Sprintf("there are %d %s, want %d", n, what, want))
	}
}

// hit counts attempts that a fault ended.
func (o *outcome) hit() int { return o.tally["job.claimed"] - o.tally["job.succeeded"] }

func (o *outcome) struck() (n int) {
	for _, m := range o.town.faults {
		n += m
	}
	return n
}

// table is what people read.
func (o *outcome) table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nfaults\t%d\n", o.struck())
	for _, name := range slices.Sorted(maps.Keys(o.town.faults)) {
		fmt.Fprintf(w, "  %s\t%d\n", name, o.town.faults[name])
	}
	fmt.Fprintf(w, "zombies that woke while another owned their job\t%d\n", o.town.zombies)
	fmt.Fprintf(w, "uploads acknowledged\t%d\n", len(o.load.sent))
	fmt.Fprintf(w, "uploads refused\t%v\n", o.load.refused)
	fmt.Fprintf(w, "answers\t%v\n", o.load.client.Tally())
	fmt.Fprintf(w, "events\t%v\n", o.tally)
	fmt.Fprintf(w, "attempts that a fault ended\t%d\n", o.hit())
	fmt.Fprintf(w, "all is done after the last fault\t%s\n", o.quiet.Round(time.Millisecond))
	fmt.Fprintf(w, "orphans before the sweep\t%d\n", len(o.balance.Orphans))
	fmt.Fprintf(w, "wrong\t%d\n", len(o.wrong))
	_ = w.Flush()
	return b.String()
}

func TestTheStormLosesNothing(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	o := weathered(t, shipped, seed, length(t), weather, false)
	t.Logf("seed %d%s", seed, o.table())
	for i, wrong := range o.wrong {
		if i == 30 {
			t.Errorf("and %d more", len(o.wrong)-i)
			break
		}
		t.Error(wrong)
	}
	if n := o.load.client.Tally()["POST 500"] + o.load.client.Tally()["GET 500"]; n > 0 {
		t.Errorf("%d requests were answered 500; whatever is away is a 503", n)
	}
	// A storm that hits no work shows nothing: half of the faults concern workers, and
	// most of these should meet them at work.
	if o.hit() < o.struck()/4 || len(o.load.sent) < 5*o.struck() {
		t.Errorf("%d faults ended %d attempts and %d uploads were taken; want at least a quarter as many attempts and 5 times as many uploads", o.struck(), o.hit(), len(o.load.sent))
	}
}

// The control: without the fence the same storm, of frozen workers, must show a
// trespass, or the test above proves nothing.
func TestWithoutTheFenceTheStormShowsIt(t *testing.T) {
	t.Parallel() // it has a town of its own
	frost := slices.DeleteFunc(slices.Clone(weather), func(f fault) bool { return !strings.Contains(f.name, "freeze") })
	for n := range 3 {
		o := weathered(t, mutant, uint64(time.Now().UnixNano()), 20*time.Second, frost, true)
		t.Logf("run %d%s", n+1, o.table())
		for _, wrong := range o.wrong {
			if strings.Contains(wrong, "held the job") || strings.Contains(wrong, "after it had succeeded") {
				t.Logf("caught: %s", wrong)
				return
			}
		}
	}
	t.Error("the mutant without a fence was never caught: the storm cannot fail")
}
