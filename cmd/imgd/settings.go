package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"imgd/adapters/authzen"
	"imgd/adapters/records/postgres"
	"imgd/adapters/s3"
	"imgd/adapters/vips/weight"
	"imgd/core/access"
)

// Settings are all of the service's, as flags and as IMGD_* variables. Nothing
// else in the tree reads the environment.
type Settings struct {
	DatabaseURL string `name:"database-url" env:"IMGD_DATABASE_URL" default:"sqlite:data/imgd.db" secret:"" group:"Where things are" help:"The records: sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE."`
	StorageURL  string `name:"storage-url" env:"IMGD_STORAGE_URL" default:"file:data/blobs" secret:"" group:"Where things are" help:"The images and their variants: file:FOLDER, or s3://BUCKET/PREFIX?region=..&endpoint=..&path_style=true with the AWS_* variables."`
	RedisURL    string `name:"redis-url" env:"IMGD_REDIS_URL" default:"" secret:"" group:"Where things are" help:"How processes wake each other: redis://HOST:6379. Empty: each looks into the database every IMGD_POLL."`
	TmpDir      string `name:"tmp-dir" env:"IMGD_TMP_DIR" default:"" group:"Where things are" help:"Where uploads over 8 MiB wait for a store without files. Empty: the system's."`
	Presets     string `name:"presets" env:"IMGD_PRESETS" default:"" renewed:"" group:"Where things are" help:"A YAML file of presets, which are named lists of variants. The API reads it at its start, and again at SIGHUP. Empty: the built-in default alone."`
	Migrate     string `name:"migrate" env:"IMGD_MIGRATE" default:"check" enum:"check,auto" group:"Where things are" help:"A PostgreSQL schema that is too old: check refuses to start, auto migrates it. SQLite is always migrated."`

	DatabaseTime     Span `name:"database-time" env:"IMGD_DATABASE_TIME" default:"1800ms" group:"Where things are" help:"How long one transaction on PostgreSQL may take, the wait for a connection included; then the answer is 503."`
	StoreCalls       int  `name:"store-calls" env:"IMGD_STORE_CALLS" default:"64" group:"Where things are" help:"How many calls of requests to the store are under way at once. More wait for half a second; then the answer is 503. What a slow sender or reader takes for his bytes does not count, nor do jobs."`
	UnsafeDurability bool `name:"unsafe-durability" env:"IMGD_UNSAFE_DURABILITY" default:"false" group:"Where things are" help:"Take a PostgreSQL that may lose what it has committed (fsync = off); for tests."`

	Listen        string   `name:"listen" env:"IMGD_LISTEN" default:"127.0.0.1:8080" group:"HTTP" help:"Where the API listens. Without an issuer of tokens (IMGD_AUTH_..) it must be a loopback address."`
	MetricsListen string   `name:"metrics-listen" env:"IMGD_METRICS_LISTEN" default:"" group:"HTTP" help:"A second listener for livez, readyz, metrics and version; a worker has no other. Empty: none."`
	PublicURL     string   `name:"public-url" env:"IMGD_PUBLIC_URL" default:"" group:"HTTP" help:"What URLs in answers begin with. Empty: http:// and the address of the API."`
	BodyIdle      Span     `name:"body-idle" env:"IMGD_BODY_IDLE" default:"30s" group:"HTTP" help:"How long the body of a request may be silent."`
	RequestTime   Span     `name:"request-time" env:"IMGD_REQUEST_TIME" default:"1h" group:"HTTP" help:"How long one request may take in all."`
	Proxies       []string `name:"trusted-proxies" env:"IMGD_TRUSTED_PROXIES" default:"" group:"HTTP" help:"The networks of proxies in front, such as 10.0.0.0/8,fd00::/8. Only they are believed for whom they ask (X-Forwarded-For or Forwarded). Empty: nobody is."`
	Origins       []string `name:"cors-origins" env:"IMGD_CORS_ORIGINS" default:"" group:"HTTP" help:"The origins whose pages may call the API from a browser, exactly: https://app.example.com. Empty: none."`
	Hosts         []string `name:"allowed-hosts" env:"IMGD_ALLOWED_HOSTS" default:"" group:"HTTP" help:"Without an issuer of tokens (IMGD_AUTH_..), the names by which the API may be asked, beside loopback addresses, localhost and the host of IMGD_PUBLIC_URL: imgd.test,10.1.2.3. Empty: no others."`
	MaxConns      int      `name:"max-connections" env:"IMGD_MAX_CONNECTIONS" default:"2048" group:"HTTP" help:"How many connections are served at once; more wait."`
	DrainDelay    Span     `name:"drain-delay" env:"IMGD_DRAIN_DELAY" default:"0s" group:"HTTP" help:"How long a stopping API is not ready but still takes connections, before IMGD_GRACE begins: as long as the proxies in front take to notice."`

	AuthSecret    string   `name:"auth-hs256-secret" env:"IMGD_AUTH_HS256_SECRET" default:"" secret:"whole" renewed:"" group:"Who may ask" help:"What bearer tokens are signed with (HS256), at least 32 bytes: openssl rand -hex 32. Without this, IMGD_AUTH_PUBLIC_KEY, IMGD_AUTH_OIDC_ISSUERS and IMGD_AUTH_ISSUERS everybody is an administrator, on a loopback address only; with any of them /v1 needs a token."`
	AuthPublicKey string   `name:"auth-public-key" env:"IMGD_AUTH_PUBLIC_KEY" default:"" secret:"whole" renewed:"" group:"Who may ask" help:"In place of the secret, the public key of who signs: PEM of an RSA (RS256, PS256), P-256 (ES256) or Ed25519 (EdDSA) key, or of up to four while one replaces another."`
	AuthIssuer    string   `name:"auth-issuer" env:"IMGD_AUTH_ISSUER" default:"imgd" renewed:"" group:"Who may ask" help:"The issuer (iss) that tokens signed with the secret or for the public key name, exactly."`
	AuthOIDC      []string `name:"auth-oidc-issuers" env:"IMGD_AUTH_OIDC_ISSUERS" default:"" renewed:"" group:"Who may ask" help:"OpenID providers whose tokens are taken: https://login.example.com/realms/acme, exactly as their tokens name them. With NAME= before one its tenants are NAME: and what its claim says; of several, all but one need that."`
	AuthIssuers   string   `name:"auth-issuers" env:"IMGD_AUTH_ISSUERS" default:"" renewed:"" group:"Who may ask" help:"A YAML file of issuers, for those with an audience, algorithms, a typ or tenants of their own. It is read at the start and at SIGHUP. Empty: none."`
	AuthAudience  string   `name:"auth-audience" env:"IMGD_AUTH_AUDIENCE" default:"imgd" renewed:"" group:"Who may ask" help:"The audience (aud) that tokens name, among others or alone."`
	AuthTyp       string   `name:"auth-typ" env:"IMGD_AUTH_TYP" default:"" enum:",at+jwt,jwt" renewed:"" group:"Who may ask" help:"The one typ of tokens that is taken: at+jwt or jwt. Empty: both, and none."`
	AuthClaim     string   `name:"auth-tenant-claim" env:"IMGD_AUTH_TENANT_CLAIM" default:"org_id" renewed:"" group:"Who may ask" help:"The claim that names the tenant; a token without it is refused. none: everybody is of the tenant default."`

	LinkKeys      string   `name:"link-keys" env:"IMGD_LINK_KEYS" default:"" secret:"whole" renewed:"" group:"Who may ask" help:"What links to variants are signed with: KID:SECRET,KID:SECRET, each secret of at least 32 bytes (openssl rand -hex 32). The first signs, all of them verify; one that is left out revokes its links, at SIGHUP too. Empty: no links."`
	PublicBuckets []string `name:"public-buckets" env:"IMGD_PUBLIC_BUCKETS" default:"" renewed:"" group:"Who may ask" help:"Buckets whose variants anybody may read without a token: TENANT/BUCKET, where * in the bucket stands for any text without a slash and ** for any text. Taken over at SIGHUP too."`
	RedirectTime  Span     `name:"redirect-time" env:"IMGD_REDIRECT_TIME" default:"1m" group:"Who may ask" help:"How long the address of the store is good for that redirect=1 leads to, 7d at most."`

	UploadRate    Frequency `name:"upload-rate" env:"IMGD_UPLOAD_RATE" default:"auto" renewed:"" group:"How much one may ask" help:"How often a principal may upload, such as 50/h, 10/m or 1/s; refused uploads count too. auto: 50/h where tokens are asked for, else off. off or 0: as often as they like."`
	UploadBurst   int       `name:"upload-burst" env:"IMGD_UPLOAD_BURST" default:"0" renewed:"" group:"How much one may ask" help:"How many uploads of a principal who has rested are taken at once. 0: as many as the rate has."`
	RequestRate   Frequency `name:"request-rate" env:"IMGD_REQUEST_RATE" default:"off" renewed:"" group:"How much one may ask" help:"How often a principal may ask anything, such as 100/s. off: a page of a gallery asks for hundreds of variants in a second, and no number is right for all; counting costs each request a question to Redis, or a commit in PostgreSQL."`
	RequestBurst  int       `name:"request-burst" env:"IMGD_REQUEST_BURST" default:"0" renewed:"" group:"How much one may ask" help:"How many requests of a principal who has rested are taken at once. 0: as many as the rate has."`
	PolicyURL     string    `name:"policy-url" env:"IMGD_POLICY_URL" default:"" group:"How much one may ask" help:"A decision point that speaks the OpenID AuthZEN Authorization API 1.0, asked for whatever our own rules allow; a URL without a path gets /access/v1/evaluation. While it does not answer, nothing is allowed. Empty: none."`
	PolicyToken   string    `name:"policy-token" env:"IMGD_POLICY_TOKEN" default:"" secret:"whole" group:"How much one may ask" help:"The bearer token that the decision point is asked with. Empty: none."`
	PolicyPlain   bool      `name:"policy-plain" env:"IMGD_POLICY_PLAIN" default:"false" group:"How much one may ask" help:"Take an http:// address of a decision point that is not on this machine: whoever stands between can then decide, and read the token."`
	PolicyTimeout Span      `name:"policy-timeout" env:"IMGD_POLICY_TIMEOUT" default:"1500ms" group:"How much one may ask" help:"How long the decision point may take to answer."`
	PolicyCalls   int       `name:"policy-calls" env:"IMGD_POLICY_CALLS" default:"64" group:"How much one may ask" help:"How many questions to the decision point are under way at once. More wait for half a second; then the answer is 503."`
	PolicyAllow   Span      `name:"policy-allow" env:"IMGD_POLICY_ALLOW" default:"1m" group:"How much one may ask" help:"How long its yes holds."`
	PolicyDeny    Span      `name:"policy-deny" env:"IMGD_POLICY_DENY" default:"2m" group:"How much one may ask" help:"How long its no holds."`

	RefusalWindow Span `name:"refusal-window" env:"IMGD_REFUSAL_WINDOW" default:"1m" group:"How much one may ask" help:"How long equal refusals of a caller are one line of the audit trail: the first is recorded at once, and at the end of this time how many followed."`
	RefusalLimit  int  `name:"refusal-limit" env:"IMGD_REFUSAL_LIMIT" default:"100" group:"How much one may ask" help:"How many different refusals of a caller are recorded one by one in that time; of any others only the number."`

	QuotaImages int64  `name:"quota-images" env:"IMGD_QUOTA_IMAGES" default:"0" renewed:"" group:"How much one may ask" help:"The most images a tenant may have. 0: no limit."`
	QuotaBytes  Bytes  `name:"quota-bytes" env:"IMGD_QUOTA_BYTES" default:"0" renewed:"" group:"How much one may ask" help:"The most bytes of originals a tenant may have. 0: no limit."`
	QuotaJobs   int64  `name:"quota-jobs" env:"IMGD_QUOTA_JOBS" default:"0" renewed:"" group:"How much one may ask" help:"The most jobs of a tenant that may be queued; those that are tried again come on top. 0: no limit."`
	Quotas      string `name:"quotas" env:"IMGD_QUOTAS" default:"" renewed:"" group:"How much one may ask" help:"A YAML file of tenants with quotas of their own. The API reads it at its start, and again at SIGHUP. Empty: all have the same."`
	QuotaHold   Span   `name:"quota-hold" env:"IMGD_QUOTA_HOLD" default:"1m" group:"How much one may ask" help:"How long what an upload has reserved of a quota outlives a process that dies; while the upload is under way it is renewed."`
	QueueWait   Span   `name:"queue-wait" env:"IMGD_QUEUE_WAIT" default:"5m" group:"How much one may ask" help:"How long a new job may have to wait until it is begun. While it would wait longer, uploads and jobs are refused: 503 with Retry-After. A tenant with nothing waiting is let in until it is twice as long. 0: any time."`
	QueueJobs   int64  `name:"queue-jobs" env:"IMGD_QUEUE_JOBS" default:"100000" group:"How much one may ask" help:"How many jobs of callers may wait; more are refused in the same way. 0: any number."`

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

	LogLevel  string `name:"log-level" env:"IMGD_LOG_LEVEL" default:"info" renewed:"" enum:"debug,info,warn,error" group:"Logs" help:"The least level that is written: ${enum}."`
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
	} else if !s.asks() && !loopback(host) {
		wrong("IMGD_LISTEN", "%s can be reached from elsewhere and nobody would be asked for a token: set IMGD_AUTH_OIDC_ISSUERS, IMGD_AUTH_ISSUERS, IMGD_AUTH_PUBLIC_KEY or IMGD_AUTH_HS256_SECRET, or listen on 127.0.0.1", s.Listen)
	}
	s.checkAuth(wrong)
	for _, read := range []func() error{
		func() error { _, err := s.linkKeys(); return err },
		func() error { _, err := s.publicBuckets(); return err },
	} {
		if err := read(); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if s.RedirectTime < Span(time.Second) || s.RedirectTime > Span(access.MaxLinkLife) {
		wrong("IMGD_REDIRECT_TIME", "it has to be between 1s and 7d")
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
	if _, err := s.proxies(); err != nil {
		wrong("IMGD_TRUSTED_PROXIES", "%v", err)
	}
	for _, o := range s.Origins {
		if u, err := url.Parse(o); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Scheme+"://"+strings.ToLower(u.Host) != o {
			wrong("IMGD_CORS_ORIGINS", "%q is not an origin as browsers write it: https://app.example.com, in small letters, without a path or a slash at its end", o)
		}
	}
	for _, h := range s.Hosts {
		_, noAddress := netip.ParseAddr(h)
		if u, err := url.Parse("http://" + h); noAddress != nil && (err != nil || u.Host != h || strings.ContainsAny(h, ":*")) {
			wrong("IMGD_ALLOWED_HOSTS", "%q is not a name or an address alone: imgd.test, without https://, a port or a pattern", h)
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
		"IMGD_MAX_CONNECTIONS": int64(s.MaxConns), "IMGD_STORE_CALLS": int64(s.StoreCalls), "IMGD_POLICY_CALLS": int64(s.PolicyCalls), "IMGD_DATABASE_TIME": int64(s.DatabaseTime), "IMGD_LEASE": int64(s.Lease), "IMGD_POLL": int64(s.Poll), "IMGD_BODY_IDLE": int64(s.BodyIdle),
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
	if s.Workers < 0 || s.Decoders < 0 || s.Grace < 0 || s.DrainDelay < 0 || s.BlobGrace < 0 || s.JobRetention < 0 || s.EventRetention < 0 {
		wrong("IMGD_WORKERS, IMGD_DECODERS, IMGD_GRACE, IMGD_DRAIN_DELAY, IMGD_BLOB_GRACE, IMGD_JOB_RETENTION, IMGD_EVENT_RETENTION", "none of them can be negative")
	}
	if s.UploadBurst < 0 || s.RequestBurst < 0 || s.QuotaImages < 0 || s.QuotaJobs < 0 || s.QueueWait < 0 || s.QueueJobs < 0 {
		wrong("IMGD_UPLOAD_BURST, IMGD_REQUEST_BURST, IMGD_QUOTA_IMAGES, IMGD_QUOTA_JOBS, IMGD_QUEUE_WAIT, IMGD_QUEUE_JOBS", "none of them can be negative")
	}
	if s.PolicyURL != "" {
		if _, err := authzen.New(authzen.Config{URL: s.PolicyURL, Plain: s.PolicyPlain}); err != nil {
			wrong("IMGD_POLICY_URL", "%v", err)
		}
	}
	if s.PolicyTimeout <= 0 || s.PolicyAllow < 0 || s.PolicyDeny < 0 {
		wrong("IMGD_POLICY_TIMEOUT, IMGD_POLICY_ALLOW, IMGD_POLICY_DENY", "the first must be more than zero, and none of them can be negative")
	}
	if s.RefusalWindow < Span(time.Second) || s.RefusalLimit < 1 {
		wrong("IMGD_REFUSAL_WINDOW, IMGD_REFUSAL_LIMIT", "the first must be a second or more, the second at least 1")
	}
	if s.QuotaHold < Span(time.Second) {
		wrong("IMGD_QUOTA_HOLD", "it must be a second or more")
	}
	if _, err := s.quotas(); err != nil {
		mistakes = append(mistakes, err)
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

// proxies are the networks of those who are believed on whose behalf they ask.
func (s *Settings) proxies() (list []netip.Prefix, err error) {
	for _, text := range s.Proxies {
		p, err := netip.ParsePrefix(text)
		if a, single := netip.ParseAddr(text); single == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("%q is not a network such as 10.0.0.0/8, nor an address", text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
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
