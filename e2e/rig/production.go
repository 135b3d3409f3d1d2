package rig

import (
	"os"
	"os/exec"
	"testing"
)

// NewProduction is an empty deployment on PostgreSQL, Redis and S3, migrated.
func NewProduction(t testing.TB, bin string, env ...string) *Site {
	t.Helper()
	bucket := S3(t)
	s := &Site{Bin: bin, Dir: t.TempDir(), Env: append([]string{
		"IMGD_DATABASE_URL=" + Postgres(t), "IMGD_UNSAFE_DURABILITY=true", "IMGD_REDIS_URL=" + Redis(t), "IMGD_STORAGE_URL=" + bucket.URL(),
		"AWS_ACCESS_KEY_ID=" + bucket.AccessKey, "AWS_SECRET_ACCESS_KEY=" + bucket.SecretKey,
	}, env...)}
	s.Migrate(t)
	return s
}

// NewDurable is a deployment on servers of its own that keep what they commit.
func NewDurable(t testing.TB, bin string, env ...string) *Site {
	t.Helper()
	bucket := S3(t)
	s := &Site{Bin: bin, Dir: t.TempDir(), Env: append([]string{
		"IMGD_DATABASE_URL=" + NewPostgres(t).URL, "IMGD_REDIS_URL=" + NewRedis(t).URL, "IMGD_STORAGE_URL=" + bucket.URL(),
		"AWS_ACCESS_KEY_ID=" + bucket.AccessKey, "AWS_SECRET_ACCESS_KEY=" + bucket.SecretKey,
	}, env...)}
	s.Migrate(t)
	return s
}

// Migrate brings the site's database up to date, as a deployment does.
func (s *Site) Migrate(t testing.TB) {
	t.Helper()
	cmd := exec.Command(s.Bin, "migrate", "up") // #nosec G204 -- the binary of this test
	cmd.Dir = s.Dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir}, s.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("migrate up: %v\n%s", err, out)
	}
}
