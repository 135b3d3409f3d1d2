package core

import (
	"fmt"
	"maps"
	"slices"
)

// Slug names one problem: the last part of its type URL, and of the page that
// explains it. A slug never changes its meaning.
type Slug string

// Slugs beside the twelve that are called like their Kind.
const (
	InvalidParameter Slug = "invalid-parameter"
	InvalidBody      Slug = "invalid-body"
	InvalidMultipart Slug = "invalid-multipart"
	FileMissing      Slug = "file-missing"
	FileRepeated     Slug = "file-repeated"
	FieldUnknown     Slug = "field-unknown"
	FieldRepeated    Slug = "field-repeated"
	InvalidMetadata  Slug = "invalid-metadata"
	InvalidTransform Slug = "invalid-transform"
	InvalidVariants  Slug = "invalid-variants"
	UnknownPreset    Slug = "unknown-preset"
	WatermarkGone    Slug = "watermark-gone"
	InvalidCursor    Slug = "invalid-cursor"

	InsufficientScope Slug = "insufficient-scope"
	QuotaExceeded     Slug = "quota-exceeded"
	HostUnknown       Slug = "host-unknown"
	CrossSite         Slug = "cross-site"

	SignatureInvalid Slug = "signature-invalid"
	URLExpired       Slug = "url-expired"
	LinksOff         Slug = "links-off"

	VariantUnknown  Slug = "variant-unknown"
	VariantNotReady Slug = "variant-not-ready"
	VariantFailed   Slug = "variant-failed"

	MethodNotAllowed      Slug = "method-not-allowed"
	PreconditionFailed    Slug = "precondition-failed"
	RangeNotSatisfiable   Slug = "range-not-satisfiable"
	RequestTimeout        Slug = "request-timeout"
	ExternalIDTaken       Slug = "external-id-taken"
	IdempotencyInProgress Slug = "idempotency-in-progress"
	IdempotencyMismatch   Slug = "idempotency-mismatch"
	IdempotencyGone       Slug = "idempotency-gone"
	JobStateConflict      Slug = "job-state-conflict"
	LeaseLost             Slug = "lease-lost"

	UploadTooLarge       Slug = "upload-too-large"
	UnsupportedMediaType Slug = "unsupported-media-type"
	TransformUnsupported Slug = "transform-unsupported"

	ImageTooLarge    Slug = "image-too-large"
	ImageTruncated   Slug = "image-truncated"
	ImageUndecodable Slug = "image-undecodable"
	ImageTooComplex  Slug = "image-too-complex"
	MetadataTooLarge Slug = "metadata-too-large"
	TooManyFrames    Slug = "too-many-frames"
	ImageQuarantined Slug = "image-quarantined"
	SVGNotAllowed    Slug = "svg-not-allowed"

	OriginalMissing     Slug = "original-missing"
	DecoderCrashed      Slug = "decoder-crashed"
	DecoderOverran      Slug = "decoder-overran"
	WorkerLost          Slug = "worker-lost"
	ShuttingDown        Slug = "shutting-down"
	QueueFull           Slug = "queue-full"
	InsufficientStorage Slug = "insufficient-storage"
)

// Meaning is what the registry knows of a slug.
type Meaning struct {
	Kind   Kind
	Status int    // RFC 9110
	Title  string // the problem's title: the same for every occurrence
	Advice string // the page's text: what happened and what to do about it
}

// Errorf makes an error of this slug and of the kind the registry gives it.
func (s Slug) Errorf(format string, args ...any) *Error {
	return &Error{Kind: s.Meaning().Kind, Slug: s, Detail: fmt.Sprintf(format, args...)}
}

// Meaning returns what the registry knows of s; an unknown slug is Internal.
func (s Slug) Meaning() Meaning {
	if m, ok := meanings[s]; ok {
		return m
	}
	return meanings[Slug(Internal)]
}

// Known reports whether s stands in the registry.
func (s Slug) Known() bool { _, ok := meanings[s]; return ok }

// Slugs lists the registry in alphabetical order.
func Slugs() []Slug { return slices.Sorted(maps.Keys(meanings)) }

var meanings = map[Slug]Meaning{
	Slug(Invalid):         {Invalid, 400, "The request is not valid", "Something in the request breaks the contract. The detail says what; openapi.yaml says what is expected."},
	Slug(Unauthenticated): {Unauthenticated, 401, "No valid credentials", "Send a bearer token in the Authorization header. The WWW-Authenticate header says what was wrong with the one that came."},
	Slug(Forbidden):       {Forbidden, 403, "Not allowed", "The token is valid but does not permit this. Ask whoever issues your tokens."},
	Slug(NotFound):        {NotFound, 404, "Not found", "Nothing is there under this address, or it is not yours to see: the two answers are the same on purpose."},
	Slug(Conflict):        {Conflict, 409, "The current state does not allow this", "Read the resource again, then decide."},
	Slug(TooLarge):        {TooLarge, 413, "Too many bytes", "Send less. The members limit and actual tell how much."},
	Slug(Unsupported):     {Unsupported, 415, "Not supported", "This build cannot read, write or do that. GET /v1/capabilities lists what it can."},
	Slug(Undecodable):     {Undecodable, 422, "The image cannot be decoded", "The bytes arrived but are no image this service can or wants to decode. Sending them again gives the same answer."},
	Slug(Limited):         {Limited, 429, "Too many requests", "Wait as long as Retry-After says; the members policy, limit, window_seconds and burst say what is allowed. Requests that were refused count too."},
	Slug(Unavailable):     {Unavailable, 503, "Temporarily unavailable", "Nothing is wrong with the request. Send it again after Retry-After seconds; with an Idempotency-Key it is safe to do so."},
	Slug(Full):            {Full, 507, "No room", "The store is full. Nothing of the request was kept; the operator has to make room."},
	Slug(Internal):        {Internal, 500, "Internal error", "Our mistake. The correlation id finds it in our logs."},

	InvalidParameter: {Invalid, 400, "A parameter is not valid", "The member errors names each parameter and what is wrong with it. Unknown query parameters are refused, so that a typing mistake is not silently ignored."},
	InvalidBody:      {Invalid, 400, "The body is not valid", "The member errors points at each place in the JSON body (RFC 6901) and says what is wrong with it."},
	InvalidMultipart: {Invalid, 400, "The form cannot be read", "The body must be multipart/form-data as RFC 7578 describes it: a boundary in the Content-Type, at most 8 parts, part headers of at most 8 KiB, a closing boundary."},
	FileMissing:      {Invalid, 400, "The form has no file", "Send the image as a part named file, or its raw bytes as the body with its own Content-Type, such as image/jpeg."},
	FileRepeated:     {Invalid, 400, "The form has more than one file", "One request takes one image. Send the others in requests of their own."},
	FieldUnknown:     {Invalid, 400, "The form has an unknown field", "The member allowed lists the fields there are."},
	FieldRepeated:    {Invalid, 400, "A form field came twice", "Send each field once."},
	InvalidMetadata:  {Invalid, 400, "The metadata is not valid", "Metadata is one JSON object in UTF-8: at most 64 KiB, 16 levels deep, 256 members, no member twice."},
	InvalidTransform: {Invalid, 400, "The transform is not valid", "The members key, column and suggestion show where parsing stopped and what was probably meant."},
	InvalidVariants:  {Invalid, 400, "The variants are not valid", "Variants are a JSON object of name: transform, with 1 to 32 names of the form [a-z0-9][a-z0-9_-]{0,63}. Send either preset or variants."},
	UnknownPreset:    {Invalid, 400, "No such preset", "The member allowed lists the presets of this service."},
	WatermarkGone:    {Invalid, 400, "The watermark is gone", "The image that wm names was deleted before the variant was made. Upload it again and name the new one."},
	InvalidCursor:    {Invalid, 400, "The cursor is not valid", "Use next_cursor of the page before, with the same filters, and do not take it apart."},

	InsufficientScope: {Forbidden, 403, "The token lacks a scope", "The member required names the scope this operation needs."},
	QuotaExceeded:     {Forbidden, 403, "The quota is used up", "The tenant has as much as it may: the members quota, limit, used and asked say of what and how much. Delete what is no longer needed, wait until jobs have run, or ask for a larger quota. An upload without a Content-Length needs room for the largest there may be."},

	HostUnknown: {Forbidden, 403, "Not known by this name", "The service asks nobody for a token, and therefore answers to its own names only: to loopback addresses, localhost, the host of IMGD_PUBLIC_URL and what IMGD_ALLOWED_HOSTS lists. Otherwise any web page could give itself a name that leads here. Use one of these, have the operator add the name, or have callers asked for tokens."},
	CrossSite:   {Forbidden, 403, "A page of another site may not do this", "The service asks nobody for a token, and the headers Sec-Fetch-Site and Origin say that a page of another site had a browser send this. Where that page is yours, the operator lists its origin in IMGD_CORS_ORIGINS."},

	SignatureInvalid: {Forbidden, 403, "The link is not valid", "A signed link is used byte for byte as it was given out: nothing may be added, removed, reordered or encoded again. Otherwise its key has been withdrawn. Ask whoever gave it to you for a new one."},
	URLExpired:       {NotFound, 410, "The link has expired", "Its time is over (the parameter exp, in seconds since 1970). Ask whoever gave it to you for a new one."},
	LinksOff:         {Conflict, 409, "This service signs no links", "It has no key to sign links with. The operator sets IMGD_LINK_KEYS, such as k1: and the output of openssl rand -hex 32."},

	VariantUnknown:  {NotFound, 404, "The image has no such variant", "The member allowed lists the variants it has."},
	VariantNotReady: {NotFound, 404, "The variant is not ready yet", "It is being rendered. Ask again after Retry-After seconds, or hold on to the job with GET /v1/jobs/{job_id}?wait=30."},
	VariantFailed:   {NotFound, 404, "The variant could not be made", "The image's variants member holds the reason. Retry the job, or ask for another transform."},

	MethodNotAllowed:      {Invalid, 405, "Method not allowed", "The Allow header lists the methods this path answers."},
	PreconditionFailed:    {Conflict, 412, "The resource has changed", "It is no longer what If-Match names. Read it again and repeat the change on what it is now."},
	RangeNotSatisfiable:   {Invalid, 416, "The range lies outside", "The Range header asks for bytes the content does not have. The Content-Range header says how many it has."},
	RequestTimeout:        {Invalid, 408, "The request took too long", "The body arrived too slowly. Send it again over a better line."},
	ExternalIDTaken:       {Conflict, 409, "The external id is taken", "Another image of your tenant has this external id; the member image_id names it, if you may see it."},
	IdempotencyInProgress: {Conflict, 409, "The first request is still in progress", "A request with the same Idempotency-Key is being answered. Ask again after Retry-After seconds to get its answer."},
	IdempotencyMismatch:   {Conflict, 422, "The idempotency key belongs to another request", "The same Idempotency-Key came before with another body. Use a new key for a new request."},
	IdempotencyGone:       {Conflict, 409, "What the first request made is gone", "The same Idempotency-Key came before, and the image that was made then has been deleted since, or is not yours to see any more. Use a new key to upload it again."},
	JobStateConflict:      {Conflict, 409, "The job's state does not allow this", "Only failed, dead and cancelled jobs can be retried, and only queued and running ones cancelled."},
	LeaseLost:             {Conflict, 409, "The lease is lost", "Another worker owns this job now; what this one made is thrown away."},

	UploadTooLarge:       {TooLarge, 413, "The upload is too large", "The member limit is the most bytes one image may have (IMGD_MAX_UPLOAD_BYTES)."},
	UnsupportedMediaType: {Unsupported, 415, "Not a supported media type", "The bytes decide, not the name or the declared type. GET /v1/capabilities lists the formats this service reads."},
	TransformUnsupported: {Unsupported, 415, "This build cannot do that transform", "The member key names the step. It is part of the language, but this build's renderer does not do it."},

	ImageTooLarge:    {Undecodable, 422, "The image has too many pixels", "The members limit and actual tell by how much. Scale it down before sending it."},
	ImageTruncated:   {Undecodable, 422, "The image ends too early", "The file was probably cut off on its way. Send the whole of it."},
	ImageUndecodable: {Undecodable, 422, "The image is damaged", "The file is not what its format requires. Open it in an image editor and save it again."},
	ImageTooComplex:  {Undecodable, 422, "The image is too complex", "Its structure (scans, directories, chunks) is beyond what an honest file needs, or decoding it is predicted to take more memory or time than a decoder here has; then the member setting names the limit, and fits_width and fits_height the size that would pass. Scale it down, or save it again in an ordinary way."},
	MetadataTooLarge: {Undecodable, 422, "The image carries too much metadata", "Strip the file's metadata (EXIF, XMP, ICC, text chunks) and send it again."},
	TooManyFrames:    {Undecodable, 422, "The animation has too many frames", "The members limit and actual tell by how much."},
	ImageQuarantined: {Undecodable, 422, "The image is quarantined", "These bytes crashed the decoder three times. They are not decoded again."},
	SVGNotAllowed:    {Undecodable, 422, "The SVG has something in it that is not allowed", "Scripts, document types, foreign content, most filters and whatever lies outside of the document are refused. The detail names it; take it out and send the document again."},

	OriginalMissing:     {Internal, 500, "The original is missing", "The record is there but its bytes are not. The operator has to restore them."},
	DecoderCrashed:      {Internal, 500, "The decoder crashed", "The process that decodes images died on this one. It is tried three times, then given up."},
	DecoderOverran:      {Internal, 500, "The decoder took too long", "Decoding passed its deadline and was stopped. It is tried three times, then given up."},
	WorkerLost:          {Internal, 500, "The worker vanished", "Every worker that ran this job disappeared, ten times over. An operator should look, then retry it."},
	ShuttingDown:        {Unavailable, 503, "Shutting down", "This process is stopping. Send the request again; another one answers it."},
	QueueFull:           {Unavailable, 503, "The queue is full", "More images wait to be rendered than can be done soon (IMGD_QUEUE_WAIT, IMGD_QUEUE_JOBS). Nothing of the request was kept. Send it again after Retry-After seconds; what was accepted before is done meanwhile. A request with an Idempotency-Key that was answered before is still answered."},
	InsufficientStorage: {Full, 507, "No room", "The store is full. Nothing of the request was kept; the operator has to make room."},
}
