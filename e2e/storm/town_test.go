package storm

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"imgd/e2e/caller"
	"imgd/e2e/ledger"
	"imgd/e2e/rig"
)

// lease is how long a job stays with a worker that has vanished, in these tests.
const lease = 2 * time.Second

// town is a deployment on servers of its own: an API and two workers.
type town struct {
	t       *testing.T
	chance  *rand.Rand
	site    *rig.Site
	books   *ledger.Books
	pg      *rig.Server
	redis   *rig.Server
	s3      *rig.Server
	api     *rig.Process
	workers [2]*rig.Process

	url     atomic.Value // of the API, as a balancer knows it
	faults  map[string]int
	zombies int // workers that woke up while another owned their job
}

func found(t *testing.T, bin string, seed uint64, env ...string) *town {
	t.Helper()
	w := &town{
		t: t, chance: rand.New(rand.NewPCG(seed, 0)), faults: map[string]int{},
		pg: rig.NewPostgres(t), redis: rig.NewRedis(t), s3: rig.NewS3(t),
	}
	w.site = &rig.Site{Bin: bin, Dir: t.TempDir(), Env: append([]string{
		"IMGD_DATABASE_URL=" + w.pg.URL, "IMGD_REDIS_URL=" + w.redis.URL, "IMGD_STORAGE_URL=" + w.s3.URL,
		"AWS_ACCESS_KEY_ID=" + w.s3.Bucket.AccessKey, "AWS_SECRET_ACCESS_KEY=" + w.s3.Bucket.SecretKey,
		"IMGD_LEASE=" + lease.String(), "IMGD_LOG_LEVEL=warn", "IMGD_WORKERS=2", "IMGD_DECODERS=2",
	}, env...)}
	w.site.Migrate(t)
	w.books = ledger.Open(t, w.site)
	w.startAPI()
	for i := range w.workers {
		w.workers[i] = w.site.Start(t, "worker")
	}
	return w
}

func (w *town) startAPI() {
	w.t.Helper()
	w.api = w.site.Start(w.t, "api")
	w.url.Store(w.api.URL)
}

func (w *town) caller() *caller.Caller {
	return caller.New(func() string { return w.url.Load().(string) })
}

// running are the jobs that take some time and that a worker has now, and who it is.
func (w *town) running(ctx context.Context) (jobs map[string]string, err error) {
	rows, err := w.books.DB.QueryContext(ctx, "SELECT j.id, j.worker FROM jobs j JOIN images i ON i.id = j.image_id WHERE j.state = 'running' AND i.width >= 1000")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	jobs = map[string]string{}
	for rows.Next() {
		var id, worker string
		if err := rows.Scan(&id, &worker); err != nil {
			return nil, err
		}
		jobs[id] = worker
	}
	return jobs, rows.Err()
}
