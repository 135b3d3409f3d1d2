package rig

import (
	"fmt"
	"io"
	"os/exec"
	"strings"
	"sync"
	"syscall"
)

// The guard is a shell that outlives the test process, however that ends: killed,
// out of time, or well. It reads what there is to tidy up until the process is gone,
// and then does it. Servers end by themselves (Pdeathsig), or with it.
const guardScript = `
script=$(cat)
inside() { ls -ld /proc/[0-9]*/cwd 2>/dev/null | sed -n "s|.* /proc/\([0-9]*\)/cwd -> $1\(/.*\)*\$|\1|p"; }
sweep() {
	[ -d "$1" ] || return 0
	n=0
	while pids=$(inside "$1"); [ -n "$pids" ] && [ $n -lt 50 ]; do
		kill -CONT $pids
		[ $n -lt 20 ] || kill -KILL $pids
		n=$((n + 1))
		sleep 0.1
	done
	rm -rf -- "$1"
}
eval "$script"
`

var guard = sync.OnceValues(func() (io.Writer, error) {
	cmd := exec.Command("sh", "-c", guardScript)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return in, cmd.Start()
})

// atExit has a line of shell run once this process is gone.
func atExit(line string) error {
	g, err := guard()
	if err != nil {
		return fmt.Errorf("the guard that tidies up cannot be started: %w", err)
	}
	_, err = io.WriteString(g, line+"\n")
	return err
}

// quoted is a word of shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
