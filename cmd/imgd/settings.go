package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"imgd/adapters/records/postgres"
	"imgd/adapters/s3"
	"imgd/adapters/token"
	"imgd/adapters/vips/weight"
)

// Settings are all of the service's, as flags and as IMGD_* variables. Nothing
// else in the tree reads the environment.
type Settings struct {
	DatabaseURL string `name:"database-url" env:"IMGD_DATABASE_URL" default:"sqlite:data/imgd.db" secret:"" group:"Where things are" help:"The records: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE."`
	StorageURL  string `name:"storage-url" env:"IMGD_STORAGE_URL" default:"file:data/blobs" secret:"" group:"Where things are" help:"The images and their variants: file:FOLDER, or s3://BUCKET/PREFIX?region=..&endpoint=..&path_style=true with the AWS_* variables."`
	RedisURL    string `name:"redis-url" env:"IMGD_REDIS_URL" default:"" secret:"" group:"Where things are" help:"How processes wake each other: redis://HOST:6379. Empty: each looks into the database every IMGD_POLL."`
	TmpDir      string `name:"tmp-dir" env:"IMGD_TMP_DIR" default:"" group:"Where things are" help:"Where uploads over 8 MiB wait for a store without files. Empty: the system's."`
	Presets     string `name:"presets" env:"IMGD_PRESETS" default:"" group:"Where things are" help:"A YAML file of presets, which are named lists of variants. The API reads it at its start, and again at SIGHUP. Empty: the built-in default alone."`
	Migrate     string `name:"migrate" env:"IMGD_MIGRATE" default:"check" enum:"check,auto" group:"Where things are" help:"A PostgreSQL schema that is too old: check refuses to start, auto migrates it. SQLite is always migrated."`

	DatabaseTime     Span `name:"database-time" env:"IMGD_DATABASE_TIME" default:"1800ms" group:"Where things are" help:"How long one transaction on PostgreSQL may take, the wait for a connection included; then the answer is 503."`
	UnsafeDurability bool `name:"unsafe-durability" env:"IMGD_UNSAFE_DURABILITY" default:"false" group:"Where things are" help:"Take a PostgreSQL that may lose what it has committed (fsync = off); for tests."`

	Listen        string `name:"listen" env:"IMGD_LISTEN" default:"127.0.0.1:8080" group:"HTTP" help:"Where the API listens. Without IMGD_AUTH_HS256_SECRET it must be a loopback address."`
	MetricsListen string `name:"metrics-listen" env:"IMGD_METRICS_LISTEN" default:"" group:"HTTP" help:"A second listener for livez, readyz, metrics and version; a worker has no other. Empty: none."`
	PublicURL     string `name:"public-url" env:"IMGD_PUBLIC_URL" default:"" group:"HTTP" help:"What URLs in answers begin with. Empty: http:// and the address of the API."`
	BodyIdle      Span   `name:"body-idle" env:"IMGD_BODY_IDLE" default:"30s" group:"HTTP" help:"How long the body of a request may be silent."`
	RequestTime   Span   `name:"request-time" env:"IMGD_REQUEST_TIME" default:"1h" group:"HTTP" help:"How long one request may take in all."`
	MaxConns      int    `name:"max-connections" env:"IMGD_MAX_CONNECTIONS" default:"2048" group:"HTTP" help:"How many connections are served at once; more wait."`

	AuthSecret   string `name:"auth-hs256-secret" env:"IMGD_AUTH_HS256_SECRET" default:"" secret:"whole" group:"Who may ask" help:"What bearer tokens are signed with (HS256), at least 32 bytes: openssl rand -hex 32. With it /v1 needs a token; without it everybody is an administrator, on a loopback address only."`
	AuthIssuer   string `name:"auth-issuer" env:"IMGD_AUTH_ISSUER" default:"imgd" group:"Who may ask" help:"The issuer (iss) that tokens name, exactly."`
	AuthAudience string `name:"auth-audience" env:"IMGD_AUTH_AUDIENCE" default:"imgd" group:"Who may ask" help:"The audience (aud) that tokens name, among others or alone."`

	MaxUpload  Bytes    `name:"max-upload-bytes" env:"IMGD_MAX_UPLOAD_BYTES" default:"100MiB" group:"What an image may cost" help:"The largest file that is taken."`
	MaxPixels  int64    `name:"max-pixels" env:"IMGD_MAX_PIXELS" default:"268000000" group:"What an image may cost" help:"The most pixels, width times height."`
	MaxSide    int64    `name:"max-side" env:"IMGD_MAX_SIDE" default:"65500" group:"What an image may cost" help:"The most pixels of either side."`
	MaxFrames  int64    `name:"max-frames" env:"IMGD_MAX_FRAMES" default:"1000" group:"What an image may cost" help:"The most frames of an animation."`
	Overflow   string   `name:"animation-overflow" env:"IMGD_ANIMATION_OVERFLOW" default:"first-frame" enum:"first-frame,refuse" group:"What an image may cost" help:"What becomes of an animation beyond its limits: ${enum}."`
	FailOn     string   `name:"fail-on" env:"IMGD_FAIL_ON" default:"truncated" enum:"truncated,warning,none" group:"What an image may cost" help:"Which damage refuses an image: ${enum}."`
	Formats    []string `name:"formats" env:"IMGD_FORMATS" default:"jpeg,png,webp,gif,avif,heic,tiff" group:"What an image may cost" help:"The formats that are read. jxl, svg and pdf are off unless named here."`
	Auto       []string `name:"auto-formats" env:"IMGD_AUTO_FORMATS" default:"avif,webp" group:"What an image may cost" help:"The formats of which fmt=auto takes the one with the smallest file, among those that can hold the picture."`
	KeepGPS    bool     `name:"keep-gps" env:"IMGD_KEEP_GPS" default:"false" group:"What an image may cost" help:"Keep, of what a file says of itself, also where the picture was taken. It is shown to the owner of the image and to administrators only."`
	Careful    bool     `name:"careful" env:"IMGD_CAREFUL" default:"false" group:"What an image may cost" help:"Draw every variant from the whole picture, in one resize. Otherwise JPEG and WebP are decoded at a fraction of their size, and small variants are drawn from larger ones, where that leaves 45 dB (PSNR) between the results. Small variants of a large JPEG then take several times as long, and a preset with large ones no longer."`
	DecoderMem Bytes    `name:"decoder-memory" env:"IMGD_DECODER_MEMORY" default:"1GiB" group:"What an image may cost" help:"The memory one decoder may use for a picture, beside 256 MiB for itself. What is predicted to need more is refused."`
	ProbeTime  Span     `name:"probe-time" env:"IMGD_PROBE_TIME" default:"10s" group:"What an image may cost" help:"How long the look at an upload may take."`
	RenderTime Span     `name:"render-time" env:"IMGD_RENDER_TIME" default:"2m" group:"What an image may cost" help:"How long rendering one image may take before its decoder is killed."`
	SVGTime    Span     `name:"svg-time" env:"IMGD_SVG_TIME" default:"2s" group:"What an image may cost" help:"How long rendering an SVG may take for each of its variants before its decoder is killed, within IMGD_RENDER_TIME."`

	Decoders      int    `name:"decoders" env:"IMGD_DECODERS" default:"0" group:"Work" help:"Decoder processes. 0: as many as cores, fewer when memory is short."`
	RenderMem     Bytes  `name:"render-memory" env:"IMGD_RENDER_MEMORY" default:"0" group:"Work" help:"The memory that all renders of this process may be predicted to take at once; what is too heavy waits until others have ended. 0: three quarters of the machine's or of the control group's, and no less than IMGD_DECODER_MEMORY and 256 MiB."`
	Isolation     string `name:"isolation" env:"IMGD_ISOLATION" default:"auto" enum:"auto,require,off" group:"Work" help:"Whether decoders lock themselves up (Landlock and seccomp): auto as far as the system can, require refuses to start without, off."`
	DecoderRSS    Bytes  `name:"decoder-rss" env:"IMGD_DECODER_RSS" default:"256MiB" group:"Work" help:"The memory a decoder may hold on to after a job; with more it is replaced."`
	DecoderMalloc string `name:"decoder-malloc" env:"IMGD_DECODER_MALLOC" default:"auto" group:"Work" help:"The allocator of decoders: auto takes jemalloc where the system has it, off the C library's; or the path of a library."`

	Workers   int  `name:"workers" env:"IMGD_WORKERS" default:"0" group:"Work" help:"Jobs that run at once. 0: as many as cores."`
	Lease     Span `name:"lease" env:"IMGD_LEASE" default:"15s" group:"Work" help:"How long a job stays with a worker that no longer answers."`
	Poll      Span `name:"poll" env:"IMGD_POLL" default:"250ms" group:"Work" help:"How often a worker looks for jobs nobody told it about."`
	Grace     Span `name:"grace" env:"IMGD_GRACE" default:"25s" group:"Work" help:"How long a stop waits for requests and jobs."`
	BlobGrace Span `name:"blob-grace" env:"IMGD_BLOB_GRACE" default:"7d" group:"Work" help:"How long the objects of a deleted image stay, so that a restored backup stays whole."`

	OrphanScan     Span `name:"orphan-scan" env:"IMGD_ORPHAN_SCAN" default:"1h" group:"Work" help:"How often the whole store is compared with the records; what no record knows goes after IMGD_BLOB_GRACE."`
	JobRetention   Span `name:"job-retention" env:"IMGD_JOB_RETENTION" default:"30d" group:"Work" help:"How long jobs are kept that are at an end. 0: for ever."`
	EventRetention Span `name:"event-retention" env:"IMGD_EVENT_RETENTION" default:"365d" group:"Work" help:"How long the audit trail is kept, and what is known of deleted images. 0: for ever."`

	LogLevel  string `name:"log-level" env:"IMGD_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" group:"Logs" help:"The least level that is written: ${enum}."`
	LogFormat string `name:"log-format" env:"IMGD_LOG_FORMAT" default:"auto" enum:"auto,json,text" group:"Logs" help:"JSON lines or text for people; auto: text on a terminal."`
}

// Check returns every mistake at once, each naming its variable.
func (s *Settings) Check() (mistakes []error) {
	wrong := func(variable, format string, args ...any) {
		mistakes = append(mistakes, fmt.Errorf("%s: %s", variable, fmt.Sprintf(format, args...)))
	}
	if err := s.checkDatabase(); err != nil {
		wrong("IMGD_DATABASE_URL", "%v", err)
	}
	if err := s.checkStorage(); err != nil {
		wrong("IMGD_STORAGE_URL", "%v", err)
	}
	if s.RedisURL != "" && !strings.Contains(s.RedisURL, "://") {
		wrong("IMGD_REDIS_URL", "it has to begin with redis:// or rediss://")
	}
	if host, _, err := net.SplitHostPort(s.Listen); err != nil {
		wrong("IMGD_LISTEN", "%q is not host:port", s.Listen)
	} else if s.AuthSecret == "" && !loopback(host) {
		wrong("IMGD_LISTEN", "%s can be reached from elsewhere and nobody would be asked for a token: set IMGD_AUTH_HS256_SECRET, or listen on 127.0.0.1", s.Listen)
	}
	if s.AuthSecret != "" && s.AuthIssuer == "" {
		wrong("IMGD_AUTH_ISSUER", "it cannot be empty: a token has to name its issuer")
	}
	if s.AuthSecret != "" && s.AuthAudience == "" {
		wrong("IMGD_AUTH_AUDIENCE", "it cannot be empty: a token has to say whom it is meant for")
	}
	if n := len(s.AuthSecret); n > 0 && n < token.MinSecret {
		wrong("IMGD_AUTH_HS256_SECRET", "it has %d bytes and needs %d or more; openssl rand -hex 32 makes one", n, token.MinSecret)
	}
	if s.MetricsListen != "" {
		if _, _, err := net.SplitHostPort(s.MetricsListen); err != nil {
			wrong("IMGD_METRICS_LISTEN", "%q is not host:port", s.MetricsListen)
		}
	}
	if s.PublicURL != "" {
		if u, err := url.Parse(s.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" {
			wrong("IMGD_PUBLIC_URL", "%q is not the beginning of an http or https URL", s.PublicURL)
		}
	}
	for _, f := range s.Formats {
		if !slices.Contains(readable, f) {
			wrong("IMGD_FORMATS", "%q is not a format; there are %s", f, strings.Join(readable, ", "))
		}
	}
	for _, f := range s.Auto {
		if !slices.Contains(automatic, f) {
			wrong("IMGD_AUTO_FORMATS", "%q cannot be chosen by fmt=auto; there are %s", f, strings.Join(automatic, ", "))
		}
	}
	for variable, v := range map[string]int64{
		"IMGD_MAX_UPLOAD_BYTES": int64(s.MaxUpload), "IMGD_MAX_PIXELS": s.MaxPixels, "IMGD_MAX_SIDE": s.MaxSide, "IMGD_MAX_FRAMES": s.MaxFrames,
		"IMGD_MAX_CONNECTIONS": int64(s.MaxConns), "IMGD_DATABASE_TIME": int64(s.DatabaseTime), "IMGD_LEASE": int64(s.Lease), "IMGD_POLL": int64(s.Poll), "IMGD_BODY_IDLE": int64(s.BodyIdle),
		"IMGD_REQUEST_TIME": int64(s.RequestTime), "IMGD_PROBE_TIME": int64(s.ProbeTime), "IMGD_ORPHAN_SCAN": int64(s.OrphanScan), "IMGD_RENDER_TIME": int64(s.RenderTime), "IMGD_SVG_TIME": int64(s.SVGTime),
	} {
		if v <= 0 {
			wrong(variable, "it must be more than zero")
		}
	}
	if s.DecoderMalloc != "auto" && s.DecoderMalloc != "off" && !filepath.IsAbs(s.DecoderMalloc) {
		wrong("IMGD_DECODER_MALLOC", "%q is neither auto, off nor the path of a library", s.DecoderMalloc)
	} else if filepath.IsAbs(s.DecoderMalloc) {
		if _, err := os.Stat(s.DecoderMalloc); err != nil {
			wrong("IMGD_DECODER_MALLOC", "%v", err)
		}
	}
	if s.DecoderRSS < 64<<20 {
		wrong("IMGD_DECODER_RSS", "a decoder holds nearly as much before its first job; it needs at least 64MiB")
	}
	if s.DecoderMem < 192<<20 {
		wrong("IMGD_DECODER_MEMORY", "a decoder needs at least 192MiB to start")
	}
	if least := Bytes(weight.Whole(int64(s.DecoderMem))); s.RenderMem > 0 && s.RenderMem < least {
		wrong("IMGD_RENDER_MEMORY", "one decoder may use %v (IMGD_DECODER_MEMORY and 256MiB); set it to that or more, or lower IMGD_DECODER_MEMORY", least)
	}
	if s.Workers < 0 || s.Decoders < 0 || s.Grace < 0 || s.BlobGrace < 0 || s.JobRetention < 0 || s.EventRetention < 0 {
		wrong("IMGD_WORKERS, IMGD_DECODERS, IMGD_GRACE, IMGD_BLOB_GRACE, IMGD_JOB_RETENTION, IMGD_EVENT_RETENTION", "none of them can be negative")
	}
	slices.SortFunc(mistakes, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return mistakes
}

// automatic are the formats that fmt=auto may choose.
var automatic = []string{"avif", "webp", "jpeg", "png", "jxl"}

// readable are the formats that can be read.
var readable = []string{"jpeg", "png", "webp", "gif", "avif", "heic", "tiff", "jxl", "svg", "pdf"}

func (s *Settings) checkDatabase() error {
	if postgresURL(s.DatabaseURL) {
		return postgres.Check(s.DatabaseURL)
	}
	_, err := s.databasePath()
	return err
}

func (s *Settings) checkStorage() error {
	if s3URL(s.StorageURL) {
		_, err := s3.ParseURL(s.StorageURL)
		return err
	}
	_, err := s.blobFolder()
	return err
}

func s3URL(url string) bool { return strings.HasPrefix(url, "s3:") }

func (s *Settings) databasePath() (string, error) {
	path, ok := strings.CutPrefix(s.DatabaseURL, "sqlite:")
	if !ok || path == "" {
		return "", errors.New("records are kept in sqlite:PATH, such as sqlite:data/imgd.db, or in postgres://USER:PASSWORD@HOST/DATABASE")
	}
	return strings.TrimPrefix(path, "//"), nil
}

func (s *Settings) blobFolder() (string, error) {
	path, ok := strings.CutPrefix(s.StorageURL, "file:")
	if !ok || path == "" {
		return "", errors.New("images are kept in file:FOLDER, such as file:data/blobs, or in s3://BUCKET/PREFIX?region=..")
	}
	return strings.TrimPrefix(path, "//"), nil
}

// tokens reads and mints bearer tokens; nil while authentication is off.
func (s *Settings) tokens() (*token.HMAC, error) {
	if s.AuthSecret == "" {
		return nil, nil
	}
	return token.NewHMAC(s.AuthSecret, s.AuthIssuer, s.AuthAudience, time.Now)
}

func (s *Settings) publicURL() string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	return "http://" + s.Listen
}

// recording is how long an object may be there before its record is.
func (s *Settings) recording() time.Duration { return 2*time.Hour + time.Duration(s.RequestTime) }

func (s *Settings) workers() int {
	if s.Workers > 0 {
		return s.Workers
	}
	return runtime.NumCPU()
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// Bytes is a size: a number, or one with KiB, MiB, GiB, kB, MB or GB behind it.
type Bytes int64

var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"B", 1}, {"", 1}}

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.size {
			return fmt.Errorf("%q is not a size; write 1048576, 100MiB or 2GB", text)
		}
		*b = Bytes(n * u.size)
		return nil
	}
	return nil
}

// String is the size in its largest whole unit.
func (b Bytes) String() string {
	for _, u := range units[:3] {
		if b != 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Span is a duration that may also be given in days.
type Span time.Duration

// UnmarshalText reads a duration.
func (s *Span) UnmarshalText(text []byte) error {
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		if n, err := strconv.ParseFloat(days, 64); err == nil && n >= 0 && n < 36500 {
			*s = Span(n * float64(24*time.Hour))
			return nil
		}
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a span of time; write 250ms, 15s, 2m, 1h or 7d", text)
	}
	*s = Span(d)
	return nil
}

// String writes whole days as days.
func (s Span) String() string {
	d := time.Duration(s)
	if d > 0 && d%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(d/(24*time.Hour)), 10) + "d"
	}
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} { // 1h0m0s is 1h
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return text
}
