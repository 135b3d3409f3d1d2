package storm

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/scene"
)

const (
	uploaders = 8
	// Jobs that may wait before uploaders pause: enough to keep workers busy.
	backlog, largeBacklog = 60, 4
)

// load is what clients send while it storms.
type load struct {
	client *caller.Caller
	scene  *image.RGBA
	seed   uint64
	large  bool // pictures that take a worker some time
	live   atomic.Int64
	stop   chan struct{}
	wg     sync.WaitGroup

	mu      sync.Mutex
	sent    []ledger.Sent
	refused map[string]int // invalid uploads, by what they were answered
	wrong   []string
}

// begin has clients send pictures until end is called.
func begin(ctx context.Context, w *town, seed uint64, large bool) *load {
	l := &load{client: w.caller(), scene: scene.Draw(3000, 2250), seed: seed, large: large, stop: make(chan struct{}), refused: map[string]int{}}
	for n := range uploaders {
		l.wg.Go(func() { l.uploader(ctx, n) })
	}
	l.wg.Go(func() {
		for !l.over() {
			if n, err := w.books.Live(ctx); err == nil {
				l.live.Store(int64(n))
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
	return l
}

func (l *load) over() bool {
	select {
	case <-l.stop:
		return true
	default:
		return false
	}
}

// end waits until every client has the answer to its last request.
func (l *load) end() { close(l.stop); l.wg.Wait() }

func (l *load) fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

func (l *load) uploader(ctx context.Context, n int) {
	chance := rand.New(rand.NewPCG(l.seed, uint64(n)+1))
	most := int64(backlog)
	if l.large {
		most = largeBacklog
	}
	for i := 0; !l.over(); i++ {
		if l.live.Load() >= most {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		key := fmt.Sprintf("uploader-%d-%d", n, i)
		if chance.IntN(10) == 0 {
			l.invalid(ctx, chance, key)
			continue
		}
		l.valid(ctx, chance, key)
	}
}

// valid sends a picture that is like no other.
func (l *load) valid(ctx context.Context, chance *rand.Rand, key string) {
	file, name, size, err := l.picture(chance)
	if err != nil {
		l.fail("no picture: %v", err)
		return
	}
	j, err := l.client.Accepted(ctx, file, name, key)
	if err != nil {
		l.fail("%s: %v", key, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, ledger.Sent{Image: j.ImageID, Job: j.ID, SHA256: ledger.Digest(file), Width: size.X, Height: size.Y})
}

// picture cuts a piece out of the scene.
func (l *load) picture(chance *rand.Rand) (file []byte, name string, size image.Point, err error) {
	size = image.Pt(40+chance.IntN(280), 40+chance.IntN(280))
	if l.large || chance.IntN(16) == 0 {
		size = image.Pt(2000+chance.IntN(800), 1500+chance.IntN(600))
	}
	at := image.Pt(chance.IntN(3000-size.X), chance.IntN(2250-size.Y))
	piece := l.scene.SubImage(image.Rectangle{at, at.Add(size)})
	var b bytes.Buffer
	if size.X < 200 && chance.IntN(4) == 0 {
		err = png.Encode(&b, piece)
		return b.Bytes(), "a.png", size, err
	}
	err = jpeg.Encode(&b, piece, &jpeg.Options{Quality: 70 + chance.IntN(25)})
	return b.Bytes(), "a.jpg", size, err
}

// invalid sends what has to be refused.
func (l *load) invalid(ctx context.Context, chance *rand.Rand, key string) {
	good, name, _, err := l.picture(chance)
	if err != nil {
		l.fail("no picture: %v", err)
		return
	}
	var fields []string
	kind := chance.IntN(5)
	switch kind {
	case 0:
		good = good[:len(good)/2]
	case 1:
		good, name = []byte("this is no picture, whatever its name is"), "a.jpg"
	case 2:
		good = nil
	case 3:
		fields = []string{"variants", `{"a": "w_nonsense"}`}
	case 4:
		fields = []string{"nonsense", "1"}
	}
	a, err := l.client.Upload(ctx, good, name, key, fields...)
	if err != nil || a.Status < 400 || a.Status > 499 {
		l.fail("an invalid upload (%d) was answered %d %s, %v; want 4xx", kind, a.Status, a.Body, err)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused[fmt.Sprintf("%d %s", a.Status, a.Slug())]++
}

func TestAnUploaderSendsWhatIsValidOrNot(t *testing.T) {
	w := found(t, shipped, 1)
	l := &load{client: w.caller(), scene: scene.Draw(3000, 2250), refused: map[string]int{}}
	chance := rand.New(rand.NewPCG(1, 1))
	for i := range 12 {
		l.invalid(t.Context(), chance, fmt.Sprint("bad-", i))
		l.valid(t.Context(), chance, fmt.Sprint("good-", i))
	}
	if _, err := w.books.Quiet(t.Context(), time.Minute); err != nil {
		t.Error(err)
	}
	l.wrong = append(l.wrong, ledger.Check(t.Context(), l.client, l.sent)...)
	if len(l.wrong) > 0 || len(l.sent) != 12 || len(l.refused) < 3 {
		t.Errorf("in good weather %d were taken, refused were %v, wrong is %q", len(l.sent), l.refused, l.wrong)
	}
}
