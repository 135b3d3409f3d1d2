package rig_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"
	goredis "github.com/redis/go-redis/v9"

	"imgd/e2e/rig"
)

// asked runs a query for one number, with a short patience.
func asked(t testing.TB, url, sql string) (n int, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return 0, err
	}
	defer c.Close(context.Background())
	return n, c.QueryRow(ctx, sql).Scan(&n)
}

func do(t testing.TB, url string, sql ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.Background())
	for _, s := range sql {
		if _, err := c.Exec(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
}

func redisAt(t testing.TB, url string) *goredis.Client {
	t.Helper()
	o, err := goredis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	o.MaxRetries, o.DialTimeout, o.ReadTimeout = -1, time.Second, time.Second
	c := goredis.NewClient(o)
	t.Cleanup(func() { c.Close() })
	return c
}

func s3At(b rig.Bucket) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(b.Endpoint), Region: b.Region, UsePathStyle: true, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(b.AccessKey, b.SecretKey, ""),
		HTTPClient:  &http.Client{Timeout: 2 * time.Second},
	})
}

func put(t testing.TB, b rig.Bucket, key, text string) {
	t.Helper()
	_, err := s3At(b).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Name, Key: &key, Body: strings.NewReader(text)})
	if err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, b rig.Bucket, key string) (string, error) {
	t.Helper()
	out, err := s3At(b).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &b.Name, Key: &key})
	if err != nil {
		return "", err
	}
	defer out.Body.Close()
	text, err := io.ReadAll(out.Body)
	return string(text), err
}

func keys(t testing.TB, b rig.Bucket) int {
	t.Helper()
	out, err := s3At(b).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &b.Name})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Contents)
}

func TestSharedServers(t *testing.T) {
	t.Run("each test has an empty PostgreSQL database of its own, which is gone after it", func(t *testing.T) {
		var first string
		t.Run("the first", func(t *testing.T) {
			first = rig.Postgres(t)
			do(t, first, "CREATE TABLE marks (n bigint)", "INSERT INTO marks VALUES (1)")
		})
		second := rig.Postgres(t)
		if n, err := asked(t, second, "SELECT count(*) FROM pg_tables WHERE tablename = 'marks'"); err != nil || n != 0 {
			t.Errorf("got %d tables of another test and the error %v, want an empty database", n, err)
		}
		if _, err := asked(t, first, "SELECT 1"); err == nil {
			t.Error("the database of a test that has ended is still there")
		}
	})

	t.Run("there are tokens of an OpenID provider", func(t *testing.T) {
		p := rig.OIDC(t)
		if one, two := p.Token(t, "images:read"), p.Token(t, "images:read"); strings.Count(one, ".") != 2 || one == two {
			t.Errorf("got the tokens %q and %q, want two signed ones", one, two)
		}
	})

	t.Run("each test has an empty Redis database of its own", func(t *testing.T) {
		one, two := redisAt(t, rig.Redis(t)), redisAt(t, rig.Redis(t))
		if one.Options().DB == two.Options().DB {
			t.Fatalf("two tests got database %d", one.Options().DB)
		}
		if err := one.Set(t.Context(), "mark", "1", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if n := two.DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("got %d keys of another test, want none", n)
		}
	})

	t.Run("a Redis database that is given back is empty when it is taken again", func(t *testing.T) {
		var url string
		t.Run("a test that leaves things behind", func(t *testing.T) {
			url = rig.Redis(t)
			redisAt(t, url).Set(t.Context(), "mark", "1", 0)
		})
		if n, err := redisAt(t, url).DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("got %d keys and the error %v, want none", n, err)
		}
	})

	t.Run("each test has an empty bucket of its own, which is gone after it with what is in it", func(t *testing.T) {
		var first rig.Bucket
		t.Run("the first", func(t *testing.T) {
			first = rig.S3(t)
			put(t, first, "a/b", "text")
			_, err := s3At(first).CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &first.Name, Key: aws.String("begun")})
			if err != nil {
				t.Fatal(err)
			}
			if text, err := get(t, first, "a/b"); err != nil || text != "text" {
				t.Errorf("got %q and the error %v, want what was put", text, err)
			}
		})
		second := rig.S3(t)
		if n := keys(t, second); n != 0 {
			t.Errorf("got %d objects of another test, want none", n)
		}
		if _, err := get(t, first, "a/b"); err == nil {
			t.Error("the bucket of a test that has ended is still there")
		}
	})

	t.Run("a bucket's URL says all but the account", func(t *testing.T) {
		b := rig.Bucket{Endpoint: "http://127.0.0.1:9", Region: "eu-west-1", AccessKey: "a", SecretKey: "s", Name: "b"}
		want := "s3://b?endpoint=http%3A%2F%2F127.0.0.1%3A9&path_style=true&region=eu-west-1"
		if got := b.URL(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

func TestServersOfATestsOwn(t *testing.T) {
	t.Run("PostgreSQL keeps what was committed when it is killed", func(t *testing.T) {
		s := rig.NewPostgres(t)
		do(t, s.URL, "CREATE TABLE marks (n bigint)", "INSERT INTO marks VALUES (7)")
		if n, err := asked(t, s.URL, "SELECT count(*) FROM pg_settings WHERE name = 'fsync' AND setting = 'on'"); err != nil || n != 1 {
			t.Errorf("fsync is not on (%v)", err)
		}
		for _, end := range []func(){s.Kill9, func() { s.StopImmediate(t) }} {
			end()
			if _, err := asked(t, s.URL, "SELECT 1"); err == nil {
				t.Error("PostgreSQL answers after it was ended")
			}
			s.Start()
			if n, err := asked(t, s.URL, "SELECT n FROM marks"); err != nil || n != 7 {
				t.Errorf("got %d and the error %v, want the 7 that was committed", n, err)
			}
		}
	})

	t.Run("a frozen PostgreSQL answers nobody, not even sessions it has, until it is thawed", func(t *testing.T) {
		s := rig.NewPostgres(t)
		c, err := pgx.Connect(t.Context(), s.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		s.Stop(t)
		if _, err := asked(t, s.URL, "SELECT 1"); err == nil {
			t.Error("a frozen PostgreSQL takes a new session")
		}
		answer := make(chan error, 1)
		go func() { _, err := c.Exec(context.Background(), "SELECT 1"); answer <- err }()
		select {
		case err := <-answer:
			t.Errorf("a session of a frozen PostgreSQL got an answer, %v", err)
		case <-time.After(300 * time.Millisecond):
		}
		s.Cont(t)
		select {
		case err := <-answer:
			if err != nil {
				t.Errorf("the session did not outlive the frost: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("a thawed PostgreSQL does not answer")
		}
	})

	t.Run("a frozen PostgreSQL can be killed and started", func(t *testing.T) {
		s := rig.NewPostgres(t)
		c, err := pgx.Connect(t.Context(), s.URL) // a session whose process is frozen too
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close(context.Background())
		s.Stop(t)
		s.Kill9()
		s.Start()
		if _, err := asked(t, s.URL, "SELECT 1"); err != nil {
			t.Error(err)
		}
	})

	t.Run("Redis keeps what it was told when it is killed, until it is flushed", func(t *testing.T) {
		s := rig.NewRedis(t)
		c := redisAt(t, s.URL)
		if err := c.Set(t.Context(), "mark", "7", 0).Err(); err != nil {
			t.Fatal(err)
		}
		s.Kill9()
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Error("Redis answers after it was killed")
		}
		s.Start()
		if got, err := c.Get(t.Context(), "mark").Result(); err != nil || got != "7" {
			t.Errorf("got %q and the error %v, want 7", got, err)
		}
		s.Stop(t)
		if err := c.Ping(t.Context()).Err(); err == nil {
			t.Error("a frozen Redis answers")
		}
		s.Cont(t)
		s.Flush(t)
		if n, err := c.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("got %d keys and the error %v after a flush, want none", n, err)
		}
	})

	t.Run("S3 keeps what was put when it is killed", func(t *testing.T) {
		s := rig.NewS3(t)
		put(t, s.Bucket, "mark", "7")
		s.Kill9()
		if _, err := get(t, s.Bucket, "mark"); err == nil {
			t.Error("S3 answers after it was killed")
		}
		s.Start()
		if got, err := get(t, s.Bucket, "mark"); err != nil || got != "7" {
			t.Errorf("got %q and the error %v, want 7", got, err)
		}
		s.Stop(t)
		if _, err := get(t, s.Bucket, "mark"); err == nil {
			t.Error("a frozen S3 answers")
		}
		s.Cont(t)
		if _, err := get(t, s.Bucket, "mark"); err != nil {
			t.Errorf("a thawed S3 does not answer: %v", err)
		}
	})
}

// session is a client of PgBouncer, which prepares nothing.
func session(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func backend(t testing.TB, c *pgx.Conn) (pid int) {
	t.Helper()
	if err := c.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	return pid
}
