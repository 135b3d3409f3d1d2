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
	s := b.site
	cmd := exec.CommandContext(ctx, s.Bin, "doctor", "--fix", "--yes", "--age=1ms", "--digests") // #nosec G204 -- the binary of this test
	cmd.Dir = s.Dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "IMGD_DATABASE_URL=sqlite:" + s.Dir + "/imgd.db", "IMGD_STORAGE_URL=file:" + s.Dir + "/blobs",
	}, s.Env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("imgd doctor: %w\n%s", err, out)
	}
	return nil
}
