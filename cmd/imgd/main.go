// Command imgd is an image processor service in one binary.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"imgd/adapters/vips/decode"
)

const description = `An image processor service: it takes an image, answers at once, and works in the background until every variant is rendered, stored and recorded.

Every setting is a flag and an IMGD_* variable; a file .env in the working directory may hold variables too. A secret VARIABLE may also come from the file that VARIABLE_FILE names.`

// about is the description, with what a running service reads again.
func about() string {
	var renewed []string
	for _, s := range settings() {
		if s.Renewed {
			renewed = append(renewed, s.Variable)
		}
	}
	return description + "\n\nAt SIGHUP a running service reads these again, and the files that they name: " + strings.Join(renewed, ", ") + "."
}

// serves is the tag of commands that stay, and read their settings again.
const serves = "serves"

// commands is the command line. Each command's Run is in a file of its own.
type commands struct {
	Settings

	Serve    serveCmd    `cmd:"" serves:"" help:"Run the API and the workers in one process."`
	API      apiCmd      `cmd:"" serves:"" name:"api" help:"Run the API alone; imgd worker does the work."`
	Worker   workerCmd   `cmd:"" serves:"" help:"Run workers alone."`
	Migrate  migrateCmd  `cmd:"" help:"Bring the database's schema up to date, or see what is missing."`
	Backup   backupCmd   `cmd:"" help:"Copy the records of a running service to a new file (SQLite)."`
	Doctor   doctorCmd   `cmd:"" help:"Compare the database with the store: what is missing, damaged or left over."`
	Rerender rerenderCmd `cmd:"" help:"Queue jobs for stored images that are not as a preset has them now."`
	Process  processCmd  `cmd:"" help:"Render files without a service."`
	Config   configCmd   `cmd:"" help:"Print every setting: its value, its default and where the value comes from."`
	Token    tokenCmd    `cmd:"" help:"Sign a bearer token with the service's own secret; for development and tests."`
	Health   healthCmd   `cmd:"" help:"Ask the running service whether it is ready; for containers."`
	Version  versionCmd  `cmd:"" help:"Print the version."`
}

// garbage is how much may gather before it is collected, in percent of what is in
// use, unless GOGC says otherwise. In use are a few megabytes: pictures are held in
// files and by the decoders.
const garbage = 300

func main() {
	if len(os.Args) == 2 && os.Args[1] == "decode" { // a child of a decoder pool: it must not look around
		if err := decode.Main(mutateEngine); err != nil {
			fail(err)
		}
		return
	}
	hangups := listen()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	var file dotenv
	if err := file.load(".env"); err != nil {
		fail(err)
	}
	var c commands
	parser := newParser(&c)
	if mistakes := trial(os.Environ()); len(mistakes) > 0 {
		fail(mistakes...)
	}
	kctx, err := parser.Parse(os.Args[1:])
	if err != nil {
		parser.FatalIfErrorf(err)
	}
	if !kctx.Selected().Tag.Has(serves) {
		signal.Reset(syscall.SIGHUP) // a command ends with its terminal
	}
	ctx, stop := stopping()
	defer stop()
	kctx.BindTo(ctx, (*context.Context)(nil))
	kctx.Bind(file.again(os.Args[1:]), hangups)
	if err := kctx.Run(&c.Settings); err != nil {
		stop()
		fail(err)
	}
}

// stopping is a context that ends with the first SIGINT or SIGTERM; the second
// one ends the process.
func stopping() (context.Context, context.CancelFunc) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func newParser(c *commands) *kong.Kong {
	return kong.Must(c,
		kong.Name("imgd"),
		kong.Description(about()),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
		kong.Resolvers(secretFiles),
		kong.ShortUsageOnError(),
	)
}

// fail prints what is wrong, one line each, and ends the process.
func fail(mistakes ...error) {
	code := 1
	for _, m := range mistakes {
		fmt.Fprintln(os.Stderr, "imgd:", m)
		if c, ok := errors.AsType[coded](m); ok {
			code = c.code
		}
	}
	os.Exit(code)
}

// coded is an error with an exit status of its own.
type coded struct {
	code int
	error
}

// version is the module's version as the build knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
