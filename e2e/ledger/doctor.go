package ledger

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

// Doctor has imgd doctor remove what nobody needs, however young, and returns what it
// said when something is left that is wrong.
func (b *Books) Doctor(ctx context.Context) error {
	_, err := b.Treat(ctx, "--fix", "--yes", "--age=1ms", "--digests")
	return err
}

// Treat runs imgd doctor, and returns what it said.
func (b *Books) Treat(ctx context.Context, args ...string) (said string, err error) {
	s := b.site
	cmd := exec.CommandContext(ctx, s.Bin, append([]string{"doctor"}, args...)...) // #nosec G204 -- the binary of this test
	cmd.Dir = s.Dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "IMGD_DATABASE_URL=sqlite:" + s.Dir + "/imgd.db", "IMGD_STORAGE_URL=file:" + s.Dir + "/blobs",
	}, s.Env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("imgd doctor: %w\n%s", err, out)
	}
	return string(out), nil
}
