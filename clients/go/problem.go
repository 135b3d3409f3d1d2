package imgd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"imgd/clients/go/api"
)

// Slug names a kind of problem: the last part of its type.
type Slug string

// Problem is an answer of 400 or more, or why a job or a variant failed (RFC 9457).
// Decide by Slug or Status; Detail is for people.
type Problem struct {
	Type          string // the address of a page that explains it
	Slug          Slug   // empty if something between here and imgd has answered
	Title         string
	Status        int
	Detail        string
	Instance      string           // the path that was asked for
	CorrelationID string           // finds the request in the service's logs
	Errors        []api.FieldError // each place of the request that is wrong
	Members       map[string]any   // what it has beside, such as limit, actual, allowed
	RetryAfter    time.Duration    // when another try makes sense, if the answer said so
}

// Error says what is wrong and where more is to be found.
func (p *Problem) Error() string {
	text := fmt.Sprintf("imgd: %d %s: %s", p.Status, p.name(), p.Detail)
	if p.CorrelationID != "" {
		text += " (correlation id " + p.CorrelationID + ")"
	}
	return text
}

func (p *Problem) name() string {
	if p.Slug != "" {
		return string(p.Slug)
	}
	return p.Title
}

// SlugOf is the slug of the problem in err, or "".
func SlugOf(err error) Slug {
	var p *Problem
	if errors.As(err, &p) {
		return p.Slug
	}
	return ""
}

// ProblemOf is a problem that stands in an answer, such as a job's error; nil is nil.
func ProblemOf(p *api.Problem) *Problem {
	if p == nil {
		return nil
	}
	q := &Problem{
		Type: p.Type, Slug: Slug(p.Type[strings.LastIndexByte(p.Type, '/')+1:]), Title: p.Title, Status: int(p.Status),
		Detail: p.Detail, Errors: p.Errors, Members: p.AdditionalProperties,
	}
	if p.Instance != nil {
		q.Instance = *p.Instance
	}
	if p.CorrelationID != nil {
		q.CorrelationID = *p.CorrelationID
	}
	return q
}

// read makes a problem of an answer, and closes its body.
func read(resp *http.Response) *Problem {
	defer resp.Body.Close() //nolint:errcheck // it was only read
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	var p *Problem
	var body api.Problem
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "application/problem+json" && json.Unmarshal(text, &body) == nil {
		p = ProblemOf(&body)
	} else {
		p = &Problem{Type: "about:blank", Title: http.StatusText(resp.StatusCode), Detail: "the answer is none of imgd's: " + excerpt(text)}
		if len(text) == 0 { // to HEAD, for one
			p.Detail = "the answer does not say why"
		}
	}
	p.Status = resp.StatusCode
	if p.CorrelationID == "" {
		p.CorrelationID = resp.Header.Get("X-Correlation-ID")
	}
	p.RetryAfter = retryAfter(resp.Header.Get("Retry-After"))
	return p
}

// retryAfter reads what RFC 9110 allows: seconds, or a date.
func retryAfter(value string) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(max(0, seconds)) * time.Second
	}
	if at, err := http.ParseTime(value); err == nil {
		return max(0, time.Until(at))
	}
	return 0
}

func excerpt(text []byte) string { return strings.ToValidUTF8(string(text[:min(len(text), 200)]), "") }
